"""How PostgreSQL finds posts among many: a lost index shows in the plan before it shows in time."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import event

from common.clock import utc_now
from devstack.fixtures import ServiceDatabase
from posts_service.resources import Resources
from posts_service.unit_of_work import Reads

ID = UUID(int=4000)
FILL = """
    INSERT INTO authors (user_id, username, display_name, epoch, position)
    SELECT lpad(n::text, 32, '0')::uuid, 'author' || n, '', 1, n FROM generate_series(1, 500) n;
    INSERT INTO posts (id, author_id, slug, title, body, body_html, tags, status, published_at,
                       created_at, updated_at)
    SELECT lpad(to_hex(n), 32, '0')::uuid, lpad((n % 500 + 1)::text, 32, '0')::uuid, 'slug-' || n,
           '', '', '', ARRAY['frequent', 'rare' || n % 2000],
           CASE n % 2 WHEN 0 THEN 'published' ELSE 'draft' END,
           CASE n % 2 WHEN 0 THEN now() - n * interval '1 second' END, now(), now()
      FROM generate_series(1, 20000) n;
    ANALYZE authors, posts
"""

type Read = Callable[[Reads], Awaitable[Any]]


@pytest.fixture
async def owner(database: ServiceDatabase, resources: Resources) -> AsyncIterator[Any]:
    """The schema's owner, connected to a database with many posts."""
    del resources  # Its fixture empties the tables at the end.
    connection = await asyncpg.connect(database.owner_url)
    await connection.execute(FILL)
    yield connection
    await connection.close()


def listed(
    *, tag: str | None = None, author: str | None = None, deep: bool = False
) -> Callable[[Reads], Awaitable[Any]]:
    after = (utc_now(), ID) if deep else None
    return lambda reads: reads.posts.list_published(after=after, limit=21, tag=tag, author=author)


@pytest.mark.parametrize(
    ("read", "index"),
    [
        (lambda reads: reads.posts.find(ID, viewer_id=None), "pk_posts"),
        (lambda reads: reads.posts.find(ID, viewer_id=ID), "pk_posts"),
        (lambda reads: reads.posts.find("slug-4000", viewer_id=None), "uq_posts_slug"),
        (listed(), "ix_posts_newest"),
        (listed(deep=True), "ix_posts_newest"),
        (listed(author="author7"), "ix_posts_newest_of_author"),
        (listed(author="author7", deep=True), "ix_posts_newest_of_author"),
        (listed(author="author7"), "ix_authors_username"),
        (listed(tag="frequent"), "ix_posts_newest"),
        (listed(tag="rare8"), "ix_posts_tags"),
    ],
)
async def test_reads_go_through_an_index(
    owner: Any, resources: Resources, read: Read, index: str
) -> None:
    statements: list[tuple[str, Any]] = []

    def remember(*call: Any) -> None:
        statements.append(call[2:4])

    engine = resources.platform.database.read_engine.sync_engine
    event.listen(engine, "before_cursor_execute", remember)
    try:
        async with resources.reads() as reads:
            assert await read(reads)
    finally:
        event.remove(engine, "before_cursor_execute", remember)
    [(statement, parameters)] = statements
    plan = "\n".join(row[0] for row in await owner.fetch(f"EXPLAIN {statement}", *parameters))
    assert f" {index} " in plan
    assert "Seq Scan on posts" not in plan
