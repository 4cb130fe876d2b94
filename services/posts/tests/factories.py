"""People, requests and events that the tests of posts start from."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import select

from common.clock import utc_now
from common.contracts import (
    ProfileChanged,
    UserBlocked,
    UserFollowed,
    UserMuted,
    UserUnblocked,
    UserUnfollowed,
    UserUnmuted,
)
from common.ids import new_id
from common.testing.keys import bearer, mint_user_token
from posts_service.models import Author, Post, Relation, outbox_tables
from posts_service.resources import Resources

POSTS = "/api/v1/posts"
TAGS = "/api/v1/tags"
FEED = "/api/v1/feed"
COMMENTS = "/api/v1/comments"
SHARED = "public, no-cache"


@dataclass(frozen=True)
class Person:
    """Somebody with an account; `headers` speak for them."""

    username: str = "ada"
    id: UUID = field(default_factory=new_id)

    @property
    def headers(self) -> dict[str, str]:
        return bearer(mint_user_token(self.id, username=self.username))

    def called(self, display_name: str, username: str | None = None) -> ProfileChanged:
        return ProfileChanged(
            user_id=self.id, username=username or self.username, display_name=display_name
        )

    def follows(self, other: "Person") -> UserFollowed:
        return UserFollowed(follower_id=self.id, followee_id=other.id, followed_at=utc_now())

    def unfollows(self, other: "Person") -> UserUnfollowed:
        return UserUnfollowed(follower_id=self.id, followee_id=other.id, unfollowed_at=utc_now())

    def mutes(self, other: "Person") -> UserMuted:
        return UserMuted(muter_id=self.id, muted_id=other.id, muted_at=utc_now())

    def unmutes(self, other: "Person") -> UserUnmuted:
        return UserUnmuted(muter_id=self.id, muted_id=other.id, unmuted_at=utc_now())

    def blocks(self, other: "Person") -> UserBlocked:
        return UserBlocked(blocker_id=self.id, blocked_id=other.id, blocked_at=utc_now())

    def unblocks(self, other: "Person") -> UserUnblocked:
        return UserUnblocked(blocker_id=self.id, blocked_id=other.id, unblocked_at=utc_now())


def draft(**changes: Any) -> dict[str, Any]:
    return {"title": "On compilers", "body": "Hello, *world*.", **changes}


def published(**changes: Any) -> dict[str, Any]:
    return draft(status="published", **changes)


async def write(client: httpx.AsyncClient, author: Person, body: dict[str, Any]) -> dict[str, Any]:
    """Write a post that must be accepted, and return it."""
    response = await client.post(POSTS, json=body, headers=author.headers)
    assert response.status_code == 201, response.text
    post: dict[str, Any] = response.json()
    return post


async def edit(
    client: httpx.AsyncClient, editor: Person, post: dict[str, Any], body: Any, **headers: str
) -> httpx.Response:
    path = f"{POSTS}/{post['id']}"
    return await client.patch(path, json=body, headers={**editor.headers, **headers})


async def answer(
    client: httpx.AsyncClient,
    author: Person,
    post: dict[str, Any],
    body: str = "I *agree*.",
    parent: str | None = None,
) -> httpx.Response:
    """Comment on a post, or on the comment with the id `parent`."""
    sent = {"body": body} if parent is None else {"body": body, "parent_id": parent}
    return await client.post(f"{POSTS}/{post['id']}/comments", json=sent, headers=author.headers)


async def comment(
    client: httpx.AsyncClient,
    author: Person,
    post: dict[str, Any],
    body: str = "I *agree*.",
    parent: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Write a comment that must be accepted, and return it."""
    response = await answer(client, author, post, body, parent["id"] if parent else None)
    assert response.status_code == 201, response.text
    written: dict[str, Any] = response.json()
    return written


async def thread(
    client: httpx.AsyncClient, post: dict[str, Any], reader: Person | None = None, limit: int = 20
) -> list[str | None]:
    """The bodies of all comments as a reader sees them, None for a place without one."""
    found: list[str | None] = []
    query: dict[str, Any] | None = {"limit": limit}
    while query is not None:
        path, headers = f"{POSTS}/{post['id']}/comments", reader.headers if reader else {}
        response = await client.get(path, params=query, headers=headers)
        assert response.status_code == 200, response.text
        found += [item["body"] for item in response.json()["items"]]
        cursor = response.json()["next_cursor"]
        query = {"limit": limit, "cursor": cursor} if cursor else None
    return found


async def titles(client: httpx.AsyncClient, **query: Any) -> list[str]:
    """The titles of one page of the list."""
    response = await client.get(POSTS, params=query)
    assert response.status_code == 200, response.text
    return [item["title"] for item in response.json()["items"]]


async def events(resources: Resources) -> list[tuple[str, str, dict[str, Any]]]:
    """What the outbox holds, in order: type, key and payload."""
    row = outbox_tables.OutboxRow
    async with resources.platform.database.reads() as connection:
        rows = await connection.execute(select(row.type, row.key, row.payload).order_by(row.id))
        return [(kind, key, payload) for kind, key, payload in rows]


async def event_types(resources: Resources) -> list[str]:
    """What kinds of events the outbox holds, in order, without service and version."""
    return [kind.split(".")[1] for kind, _, _ in await events(resources)]


async def author(resources: Resources, person: Person) -> Author:
    """The copy of somebody of whom posts must have one."""
    async with resources.transaction() as tx:
        return await tx.session.get_one(Author, person.id)


async def slugs(resources: Resources) -> list[str]:
    """The slugs of all posts."""
    async with resources.transaction() as tx:
        return list((await tx.session.execute(select(Post.slug))).scalars())


async def related(resources: Resources, kind: type[Relation]) -> set[tuple[UUID, UUID]]:
    """Who follows, mutes or blocks whom at present."""
    query = select(kind.actor_id, kind.target_id).where(kind.ended.is_(False))
    async with resources.transaction() as tx:
        return {(actor, target) for actor, target in await tx.session.execute(query)}
