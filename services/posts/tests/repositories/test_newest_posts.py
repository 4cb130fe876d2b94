"""Of each author the newest published post is kept, whatever is written at the same time."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from common.testing.locks import somebody_waits
from devstack.fixtures import ServiceDatabase
from posts_service.models import Author, Post
from posts_service.resources import Resources
from services.posts.tests.repositories.test_feed import DAWN, post

AUTHORS = [UUID(int=number) for number in range(1, 4)]
KEPT = "SELECT author_id, published_at, post_id FROM newest_posts ORDER BY author_id"
EXPECTED = """
    SELECT DISTINCT ON (author_id) author_id, published_at, id AS post_id FROM posts
     WHERE status = 'published' ORDER BY author_id, published_at DESC, id DESC
"""
INSERT = """
    INSERT INTO posts (id, author_id, slug, title, body, body_html, tags, status, published_at,
                       created_at, updated_at)
    VALUES ($1, $2, 'slug-' || ($1::uuid)::text, '', '', '', '{}', 'published', $3, $3, $3)
"""
DELETE = "DELETE FROM posts WHERE id = $1"


async def assert_kept(connection: Any) -> None:
    assert await connection.fetch(KEPT) == await connection.fetch(EXPECTED)


@pytest.fixture
async def authors(resources: Resources) -> None:
    async with resources.transaction() as tx:
        tx.session.add_all(
            Author(user_id=each, username=f"a{each.int}", display_name="", epoch=1, position=1)
            for each in AUTHORS
        )


@pytest.fixture
async def connections(database: ServiceDatabase, authors: None) -> AsyncIterator[tuple[Any, Any]]:
    opened = [await asyncpg.connect(database.app_url) for _ in range(2)]
    yield opened[0], opened[1]
    for each in opened:
        await each.close()


@pytest.mark.parametrize("seed", range(3))
async def test_it_is_kept_through_drafts_publications_and_deletions(
    resources: Resources, connections: tuple[Any, Any], seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 — the same writes in every run.
    drafts: list[UUID] = []
    posts: list[UUID] = []
    for number in range(1000, 1080):
        async with resources.transaction() as tx:
            kind = chance.choice(["draft", "published", "publish", "delete"])
            if kind in ("draft", "published"):
                # Few seconds, so that some posts are of the same moment.
                written = post(
                    number, chance.choice(AUTHORS), chance.randrange(6), published=kind != "draft"
                )
                tx.session.add(written)
                (posts if kind == "published" else drafts).append(written.id)
            elif kind == "publish" and drafts:
                draft = await tx.session.get_one(
                    Post, drafts.pop(chance.randrange(len(drafts))), populate_existing=True
                )
                draft.status = "published"
                draft.published_at = DAWN + timedelta(seconds=chance.randrange(6))
                posts.append(draft.id)
            elif kind == "delete" and posts:
                gone = posts.pop(chance.randrange(len(posts)))
                await tx.session.delete(await tx.session.get_one(Post, gone))
        await assert_kept(connections[0])
    assert await connections[0].fetchval("SELECT count(*) FROM newest_posts")


@pytest.mark.parametrize(
    ("before", "first", "second"),
    [
        # The newest and the one that would follow it.
        ([1, 2, 3], (DELETE, 3), (DELETE, 2)),
        ([1, 2, 3], (DELETE, 2), (DELETE, 3)),
        # The only one, and another one.
        ([1], (DELETE, 1), (INSERT, 2)),
        ([1], (INSERT, 2), (DELETE, 1)),
        # Two new ones, in either order.
        ([], (INSERT, 2), (INSERT, 1)),
        ([1], (INSERT, 3), (INSERT, 2)),
    ],
)
async def test_it_is_kept_by_writers_who_wait_for_each_other(
    resources: Resources,
    connections: tuple[Any, Any],
    before: list[int],
    first: tuple[str, int],
    second: tuple[str, int],
) -> None:
    one, other = connections

    async def write(connection: Any, statement: str, number: int) -> None:
        rest = (AUTHORS[0], DAWN + timedelta(seconds=number)) if statement == INSERT else ()
        await connection.execute(statement, UUID(int=number), *rest)

    for number in before:
        await write(one, INSERT, number)
    transaction = one.transaction()
    await transaction.start()
    await write(one, *first)
    waiting = asyncio.create_task(write(other, *second))
    await somebody_waits(resources.platform.database)
    await transaction.commit()
    await waiting
    await assert_kept(one)
