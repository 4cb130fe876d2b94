"""Reference "limit": as fast as Python answers from PostgreSQL. A bare ASGI function and asyncpg.

A token is verified once and remembered; one statement a request; no framework, no events, no logs.
"""

import os
import time
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import asyncpg
import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from common.http.pagination import encode_cursor
from common.ids import new_id
from posts_service.api.schemas.posts import PostCreate
from posts_service.usecases.markdown import Markdown, open_markdown
from posts_service.usecases.slugs import reference_of, slug_of, with_suffix

type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]

POSTS = "/api/v1/posts"
SUMMARY = """a.username, a.display_name, p.id::text, p.slug, p.title, p.tags, p.status,
           p.published_at, p.created_at, p.updated_at"""
READ = f"""
    SELECT {SUMMARY}, p.body, p.body_html FROM posts p JOIN authors a ON a.user_id = p.author_id
     WHERE (p.status = 'published' OR p.author_id = $2) AND
"""  # noqa: S608 — a literal of this module; so are the others.
LIST = f"""
    SELECT {SUMMARY} FROM posts p JOIN authors a ON a.user_id = p.author_id
     WHERE p.status = 'published' AND p.author_id = (
           SELECT user_id FROM authors WHERE username = $1
            ORDER BY epoch DESC, position DESC LIMIT 1)
     ORDER BY p.published_at DESC, p.id DESC LIMIT
"""  # noqa: S608
CREATE = """
    WITH post AS (
        INSERT INTO posts (id, author_id, slug, title, body, body_html, tags, status,
                           published_at, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
        ON CONFLICT (slug) DO NOTHING RETURNING id, author_id, tags, published_at),
    tagged AS (
        INSERT INTO post_tags (tag, published_at, post_id, author_id)
        SELECT unnest(tags), published_at, id, author_id FROM post WHERE published_at IS NOT NULL)
    SELECT a.username, a.display_name FROM post JOIN authors a ON a.user_id = post.author_id
"""

users: dict[bytes, tuple[float, UUID]] = {}
key: ECKey
pool: asyncpg.Pool
markdown: Markdown


async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    """Answer a request."""
    if scope["type"] == "lifespan":
        await live(receive, send)
        return
    user, path = user_of(dict(scope["headers"]).get(b"authorization", b"")), scope["path"]
    if user is None:
        await answer(send, 401, {})
    elif scope["method"] == "POST":
        await answer(send, 201, await create(user, await body_of(receive)))
    elif path == POSTS:
        await answer(send, 200, await page(dict(parse_qsl(scope["query_string"].decode()))))
    else:
        post = await read(path.removeprefix(f"{POSTS}/"), user)
        await answer(send, 200 if post else 404, post or {})


async def live(receive: Receive, send: Send) -> None:
    global key, pool, markdown  # noqa: PLW0603 — bare, as announced.
    await receive()
    key = ECKey.import_key(os.environ["BENCH_PUBLIC_KEY"])
    url = os.environ["BENCH_DATABASE_URL"]
    opening = asyncpg.create_pool(url, min_size=10, max_size=10, reset=keep)
    async with opening as pool, open_markdown() as markdown:
        await send({"type": "lifespan.startup.complete"})
        await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def keep(_: object) -> None:
    """Spare the query that resets a connection: these have no state."""


def user_of(authorization: bytes) -> UUID | None:
    if not (known := users.get(authorization)):
        try:
            claims = jwt.decode(authorization.removeprefix(b"Bearer "), key, ["ES256"]).claims
        except (JoseError, ValueError):
            return None
        known = users[authorization] = (claims["exp"], UUID(claims["sub"]))
    return known[1] if known[0] > time.time() else None


async def read(id_or_slug: str, user: UUID) -> dict[str, Any] | None:
    reference = reference_of(id_or_slug)
    named = "p.id = $1" if isinstance(reference, UUID) else "p.slug = $1"
    row = await pool.fetchrow(READ + named, reference, user)
    return rendered(dict(row)) if row else None


async def page(query: dict[str, str]) -> dict[str, Any]:
    limit = int(query.get("limit", 20))
    rows = [rendered(dict(row)) for row in await pool.fetch(f"{LIST} {limit + 1}", query["author"])]
    last = rows[limit - 1] if len(rows) > limit else None
    cursor = encode_cursor("posts", (last["published_at"], last["id"])) if last else None
    return {"items": rows[:limit], "next_cursor": cursor}


async def create(user: UUID, body: bytes) -> dict[str, Any]:
    post = PostCreate.model_validate_json(body)
    now, slug = datetime.now(UTC), slug_of(post.title)
    shown: dict[str, Any] = {**post.model_dump(), "id": new_id(), "created_at": now}
    shown |= {"updated_at": now, "published_at": now if post.status == "published" else None}
    shown |= {"slug": slug, "body_html": await markdown.render(post.body)}
    names = ("slug", "title", "body", "body_html", "tags", "status", "published_at", "created_at")
    while not (row := await pool.fetchrow(CREATE, shown["id"], user, *(shown[n] for n in names))):
        shown["slug"] = with_suffix(slug)
    return rendered(shown | dict(row))


def rendered(post: dict[str, Any]) -> dict[str, Any]:
    card = {name: post.pop(name) for name in ("username", "display_name")}
    return {**post, "author": card}


async def body_of(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body


async def answer(send: Send, status: int, content: object) -> None:
    body = orjson.dumps(content, option=orjson.OPT_UTC_Z)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
