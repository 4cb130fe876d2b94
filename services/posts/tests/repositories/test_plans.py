"""How PostgreSQL finds things among many: a lost index shows in a plan before it does in time."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from common.testing.statements import remembered
from devstack.fixtures import ServiceDatabase
from posts_service.resources import Resources
from posts_service.unit_of_work import Reads
from services.posts.tests.repositories.plans import Plan, plans

ID = UUID(int=4000)
READER = UUID(int=10**6)
LATER = datetime(2100, 1, 1, tzinfo=UTC)
# Most people write little, and one writes half of everything; so it is with comments on posts.
FILL = """
    INSERT INTO authors (user_id, username, display_name, epoch, position)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 'author' || n, '', 1, n FROM generate_series(1, 20000) n;
    INSERT INTO posts (id, author_id, slug, title, body, body_html, tags, status, published_at,
                       created_at, updated_at)
    SELECT lpad(to_hex(n), 32, '0')::uuid,
           lpad(to_hex(CASE n % 4 WHEN 0 THEN 21 ELSE n / 4 % 2000 + 1 END), 32, '0')::uuid,
           'slug-' || n, '', '', '', ARRAY['frequent', 'rare' || n % 2000],
           CASE n % 2 WHEN 0 THEN 'published' ELSE 'draft' END,
           CASE n % 2 WHEN 0 THEN now() - n * interval '1 second' END, now(), now()
      FROM generate_series(1, 40000) n;
    INSERT INTO newest_posts (author_id, published_at, post_id)
    SELECT lpad(to_hex(n), 32, '0')::uuid, now() - interval '1 year', uuidv7()
      FROM generate_series(100000, 200000) n;
    INSERT INTO post_tags (tag, published_at, post_id, author_id)
    SELECT unnest(tags), published_at, id, author_id FROM posts WHERE status = 'published';
    INSERT INTO comments (id, post_id, parent_id, author_id, path, body, body_html, created_at,
                          updated_at)
    SELECT lpad(to_hex(n), 32, '0')::uuid,
           lpad(to_hex(CASE n % 2 WHEN 0 THEN 4000 ELSE n % 500 * 2 + 3000 END), 32, '0')::uuid,
           NULL, lpad(to_hex(n % 2000 + 1), 32, '0')::uuid, lpad(to_hex(n), 32, '0'), '', '',
           now(), now()
      FROM generate_series(1, 20000) n;
    INSERT INTO follows (actor_id, target_id, ended, epoch, position)
    SELECT lpad(to_hex(1000000 + r), 32, '0')::uuid,
           lpad(to_hex(r * 7 % 10 + a * 10 + 1), 32, '0')::uuid, false, 1, a
      FROM generate_series(0, 199) r, generate_series(0, 199) a;
    INSERT INTO mutes SELECT actor_id, target_id, false, 1, 1 FROM follows WHERE position % 20 = 0;
    INSERT INTO blocks SELECT actor_id, target_id, false, 1, 1 FROM follows WHERE position % 20 = 1;
"""
# Index-only scans are worth it once autovacuum has been there.
SETTLE = "VACUUM ANALYZE authors, posts, newest_posts, post_tags, comments, follows, mutes, blocks"

type Read = Callable[[Reads], Awaitable[Any]]


@pytest.fixture
async def owner(database: ServiceDatabase, resources: Resources) -> AsyncIterator[Any]:
    """The schema's owner, connected to a database with many of everything."""
    del resources  # Its fixture empties the tables at the end.
    connection = await asyncpg.connect(database.owner_url)
    await connection.execute(FILL)
    await connection.execute(SETTLE)
    yield connection
    await connection.close()


def listed(*, tag: str | None = None, author: str | None = None, deep: bool = False) -> Read:
    after = (LATER, ID) if deep else None
    return lambda reads: reads.posts.list_published(after=after, limit=21, tag=tag, author=author)


def fed(*, deep: bool = False) -> Read:
    return lambda reads: reads.feed.page(READER, after=(LATER, ID) if deep else None, limit=21)


def discussed(post: UUID | str, viewer_id: UUID | None = None, after: str = "") -> Read:
    return lambda reads: reads.comments.page(post, viewer_id=viewer_id, after=after, limit=21)


READS: dict[str, tuple[Read, set[str]]] = {
    "post by id": (lambda reads: reads.posts.find(ID, viewer_id=None), {"pk_posts"}),
    "own post by id": (lambda reads: reads.posts.find(ID, viewer_id=ID), {"pk_posts"}),
    "post by slug": (
        lambda reads: reads.posts.find("slug-4000", viewer_id=None),
        {"uq_posts_slug"},
    ),
    "version by slug": (
        lambda reads: reads.posts.find_version("slug-4000", viewer_id=ID),
        {"uq_posts_slug"},
    ),
    "posts": (listed(), {"ix_posts_newest"}),
    "posts, deep": (listed(deep=True), {"ix_posts_newest"}),
    "posts of an author": (
        listed(author="author21"),
        {"ix_posts_newest_of_author", "ix_authors_latest_of_name"},
    ),
    "posts of an author, deep": (
        listed(author="author21", deep=True),
        {"ix_posts_newest_of_author"},
    ),
    "posts of a frequent tag": (listed(tag="frequent"), {"pk_post_tags"}),
    "posts of a rare tag": (listed(tag="rare8"), {"pk_post_tags"}),
    "posts of a tag, deep": (listed(tag="frequent", deep=True), {"pk_post_tags"}),
    "posts of an author and a tag": (
        listed(author="author21", tag="frequent"),
        {"ix_post_tags_newest_of_author"},
    ),
    "feed": (fed(), {"pk_follows", "pk_newest_posts", "ix_posts_newest_of_author"}),
    "feed, deep": (fed(deep=True), {"pk_follows", "ix_posts_newest_of_author"}),
    "comments": (discussed(ID), {"ix_comments_thread", "pk_posts"}),
    "comments of a slug": (discussed("slug-4000"), {"ix_comments_thread", "uq_posts_slug"}),
    "comments for somebody": (
        discussed(ID, READER),
        {"ix_comments_thread", "pk_blocks", "ix_comments_parent_id"},
    ),
    "comments, deep": (discussed(ID, READER, "0" * 32), {"ix_comments_thread"}),
    "comment": (lambda reads: reads.comments.find(ID, viewer_id=READER), {"pk_comments"}),
    "is there a post": (lambda reads: reads.posts.is_published("slug-4000"), {"uq_posts_slug"}),
    "tags": (lambda reads: reads.tags.list_popular(limit=20), {"ix_posts_newest"}),
}


# What each of these would fall back to is a scan or a sort of a table.
NEEDED = {
    "ix_posts_newest": "posts",
    "pk_post_tags": "posts of a rare tag",
    "ix_comments_thread": "comments",
    "ix_authors_latest_of_name": "posts of an author",
}


async def test_reads_neither_scan_nor_sort_a_large_table(owner: Any, resources: Resources) -> None:
    wrong = [
        f"{kind} plan of {name} scans {plan.scanned}, sorts {plan.sorted}, uses {plan.indexes}"
        for name, (read, indexes) in READS.items()
        for kind, plan in (await plans_of(owner, resources, read)).items()
        if plan.scanned or plan.sorted or not plan.indexes >= indexes
    ]
    assert not wrong, "\n".join(wrong)


async def test_a_lost_index_shows_as_a_scan_or_a_sort(owner: Any, resources: Resources) -> None:
    for index, name in NEEDED.items():
        read, _ = READS[name]
        statement = await statement_of(resources, read)
        transaction = owner.transaction()
        await transaction.start()
        table = "post_tags" if index == "pk_post_tags" else None
        drop = f"ALTER TABLE {table} DROP CONSTRAINT {index}" if table else f"DROP INDEX {index}"
        await owner.execute(drop)
        for kind, plan in (await plans(owner, *statement)).items():
            assert plan.scanned | plan.sorted, f"{kind} plan of {name} without {index}"
        await transaction.rollback()


async def statement_of(resources: Resources, read: Read) -> tuple[str, Sequence[Any]]:
    """The one statement of a read that finds something, with its parameters."""
    engine = resources.platform.database.engine
    async with remembered(engine) as statements:
        assert await read(resources.reads)
    [statement] = statements
    return statement


async def plans_of(owner: Any, resources: Resources, read: Read) -> dict[str, Plan]:
    return await plans(owner, *await statement_of(resources, read))
