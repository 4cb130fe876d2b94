"""`make bench-feed`: how a feed grows with posts, followed authors and followers.

It compares what posts does, a merge when the feed is read, with a join and with timelines that are
written when a post is. The data are the same in every run; docs/adr/0012 tells what followed.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson

from bench.processes import run_benchmark
from common.db import Statement
from devstack.databases import Databases
from devstack.postgres import running_postgres
from posts_service.repositories.feed import FeedReads

AUTHORS: Final = 10_000
# These wrote once, and no more since.
QUIET: Final = 200
QUIET_POSTS: Final = 5_000
READERS: Final = 20_000
FOLLOWS_EACH: Final = 10
FOLLOWING: Final = ("50", "200", "200 quiet", "1000")
SIZES: Final = (10_000, 100_000, 1_000_000)
AUDIENCES: Final = (100, 1_000, 10_000, 100_000)
PAGE: Final = 21
RUNS: Final = 30
DAWN: Final = datetime(2026, 1, 1, tzinfo=UTC)
TEXT: Final = "Lorem ipsum dolor sit amet. " * 3

TIMELINES = """
    CREATE TABLE timelines (reader_id uuid, published_at timestamptz, post_id uuid,
                            author_id uuid, PRIMARY KEY (reader_id, published_at, post_id))
"""
JOIN = """
    SELECT a.username, a.display_name, p.id, p.slug, p.title, p.tags, p.published_at
      FROM posts p JOIN authors a ON a.user_id = p.author_id
     WHERE p.status = 'published' AND p.author_id IN (
           SELECT f.target_id FROM follows f
            WHERE f.actor_id = $1 AND NOT f.ended
              AND NOT EXISTS (SELECT FROM mutes m WHERE m.actor_id = $1
                                 AND m.target_id = f.target_id AND NOT m.ended))
     ORDER BY p.published_at DESC, p.id DESC LIMIT 21
"""
PAGE_OF_EACH = """
    SELECT a.username, a.display_name, p.id, p.slug, p.title, p.tags, p.published_at
      FROM (SELECT newest.id, newest.published_at
              FROM (SELECT f.target_id FROM follows f
                     WHERE f.actor_id = $1 AND NOT f.ended
                       AND NOT EXISTS (SELECT FROM mutes m WHERE m.actor_id = $1
                                          AND m.target_id = f.target_id AND NOT m.ended)) followed
             CROSS JOIN LATERAL (
                   SELECT id, published_at FROM posts
                    WHERE author_id = followed.target_id AND status = 'published'
                    ORDER BY published_at DESC, id DESC LIMIT 21) newest
             ORDER BY newest.published_at DESC, newest.id DESC LIMIT 21) page
      JOIN posts p USING (id) JOIN authors a ON a.user_id = p.author_id
     ORDER BY page.published_at DESC, page.id DESC
"""
TIMELINE = """
    SELECT a.username, a.display_name, p.id, p.slug, p.title, p.tags, p.published_at
      FROM timelines t JOIN posts p ON p.id = t.post_id JOIN authors a ON a.user_id = p.author_id
     WHERE t.reader_id = $1
       AND NOT EXISTS (SELECT FROM mutes m WHERE m.actor_id = $1
                          AND m.target_id = t.author_id AND NOT m.ended)
     ORDER BY t.published_at DESC, t.post_id DESC LIMIT 21
"""
FILL_TIMELINES = """
    INSERT INTO timelines
    SELECT f.actor_id, p.published_at, p.id, p.author_id
      FROM follows f JOIN posts p ON p.author_id = f.target_id WHERE f.actor_id = ANY($1)
"""
FAN_OUT = """
    INSERT INTO timelines
    SELECT actor_id, now(), $2::uuid, target_id FROM follows WHERE target_id = $1 AND NOT ended
"""


def author_id(number: int) -> UUID:
    """Return the id of an author."""
    return UUID(int=number + 1)


def reader_id(number: int) -> UUID:
    """Return the id of a reader."""
    return UUID(int=10**9 + number)


def posts_of(first: int, last: int) -> Iterator[tuple[Any, ...]]:
    """Yield posts, one a second; few authors write much, as people do."""
    chance = random.Random(first)  # noqa: S311 — the same rows in every run.
    for number in range(first, last):
        at = DAWN + timedelta(seconds=number)
        author = author_id(int(AUTHORS * chance.random() ** 2))
        if number < QUIET_POSTS:
            author = author_id(AUTHORS + number % QUIET)
        yield (
            UUID(int=10**12 + number), author, f"slug-{number}", f"Title {number}", TEXT, TEXT,
            ["tag"], "published", at, at, at,
        )  # fmt: skip


def follows_of(reader: str) -> Iterator[tuple[Any, ...]]:
    """Yield whom one of the readers follows: every so manieth author, or the quiet ones."""
    followed = int(reader.split(maxsplit=1)[0])
    for number in range(followed):
        author = AUTHORS + number if "quiet" in reader else number * AUTHORS // followed
        yield reader_id(FOLLOWING.index(reader)), author_id(author), False, 1, number


def crowd() -> Iterator[tuple[Any, ...]]:
    """Yield the follows of everybody else."""
    chance = random.Random(7)  # noqa: S311 — as above.
    for number in range(READERS):
        for author in chance.sample(range(AUTHORS), FOLLOWS_EACH):
            yield reader_id(10_000 + number), author_id(author), False, 1, number


async def copy(connection: Any, table: str, columns: str, rows: Iterator[Any]) -> None:
    """Write rows by COPY."""
    await connection.copy_records_to_table(table, records=rows, columns=columns.split())


async def people(connection: Any) -> None:
    """Write authors, follows, and what the readers mute: a tenth of whom they follow."""
    columns = "user_id username display_name epoch position"
    authors = ((author_id(n), f"author{n}", f"Author {n}", 1, n) for n in range(AUTHORS + QUIET))
    await copy(connection, "authors", columns, authors)
    columns = "actor_id target_id ended epoch position"
    await copy(connection, "follows", columns, crowd())
    for reader in FOLLOWING:
        await copy(connection, "follows", columns, follows_of(reader))
        muted = (row for n, row in enumerate(follows_of(reader)) if n % 10 == 0)
        await copy(connection, "mutes", columns, muted)


async def grow(connection: Any, first: int, last: int) -> None:
    """Write more posts, and what autovacuum would see to by and by."""
    columns = (
        "id author_id slug title body body_html tags status published_at created_at updated_at"
    )
    await copy(connection, "posts", columns, posts_of(first, last))
    await connection.execute("VACUUM ANALYZE posts, newest_posts, follows, mutes, blocks, authors")


class Asked:
    """An executor that runs nothing: it remembers the statement, and its parameters."""

    def __init__(self) -> None:
        self.statement: tuple[str, list[Any]] = ("", [])

    async def all(self, statement: Statement, **values: Any) -> Sequence[Any]:
        self.statement = (statement.text, statement.arguments(values))
        return []

    async def first(self, statement: Statement, **values: Any) -> None:
        await self.all(statement, **values)


async def feed_of(
    reader: UUID, after: tuple[datetime, UUID] | None
) -> tuple[str, *tuple[Any, ...]]:
    """Return the statement of a feed's page, followed by its parameters."""
    asked = Asked()
    await FeedReads(asked).page(reader, after=after, limit=PAGE)
    text, parameters = asked.statement
    return text, *parameters


async def cost(connection: Any, statement: str, *parameters: Any) -> tuple[float, int]:
    """Return the median milliseconds that the server takes, and the pages that it looks at."""
    explain = f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {statement}"
    times, pages = [], 0
    for _ in range(RUNS):
        [plan] = orjson.loads(await connection.fetchval(explain, *parameters))
        times.append(plan["Planning Time"] + plan["Execution Time"])
        pages = plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
        if sum(times) > 4_000:  # noqa: PLR2004 — a slow one is known after fewer runs.
            break
    return statistics.median(times), pages


async def reads(connection: Any, size: int) -> None:
    """Print what the ways to read a feed cost with so many posts."""
    await connection.execute("TRUNCATE timelines")
    await connection.execute(
        FILL_TIMELINES, [reader_id(number) for number in range(len(FOLLOWING))]
    )
    await connection.execute("VACUUM ANALYZE timelines")
    middle = (DAWN + timedelta(seconds=size // 2), UUID(int=0))
    for number, following in enumerate(FOLLOWING):
        reader = reader_id(number)
        first = await cost(connection, *await feed_of(reader, None))
        deep = await cost(connection, *await feed_of(reader, middle))
        others = [await cost(connection, each, reader) for each in (PAGE_OF_EACH, JOIN, TIMELINE)]
        cells = [f"{ms:.2f} ms, {pages:,} pages" for ms, pages in (first, deep, *others)]
        print(f"| {size:,} | {following} | {' | '.join(cells)} |", flush=True)


async def writes(connection: Any) -> None:
    """Print what it costs to write a post into the timelines of its author's followers."""
    await connection.execute("CREATE INDEX ON follows (target_id)")
    for number, audience in enumerate(AUDIENCES):
        author = author_id(10**6 + number)
        rows = ((reader_id(10_000 + n), author, False, 1, n) for n in range(audience))
        await copy(connection, "follows", "actor_id target_id ended epoch position", rows)
        await connection.execute("VACUUM ANALYZE follows")
        before = await connection.fetchval("SELECT pg_total_relation_size('timelines')")
        times = []
        for turn in range(5):
            started = time.perf_counter()
            await connection.execute(FAN_OUT, author, UUID(int=10**15 + 10 * number + turn))
            times.append((time.perf_counter() - started) * 1000)
        after = await connection.fetchval("SELECT pg_total_relation_size('timelines')")
        written = (after - before) / len(times) / 1024
        print(f"| {audience:,} | {statistics.median(times):.1f} ms | {written:,.0f} KiB |")


async def main(arguments: argparse.Namespace) -> None:
    """Fill a database step by step and print two tables."""
    with (
        tempfile.TemporaryDirectory(prefix="colonnade-bench-") as directory,
        running_postgres(Path(directory)) as server,
    ):
        databases = Databases(server.url, Path(directory), "bench")
        database = databases("posts")
        connection = await asyncpg.connect(database.owner_url)
        await connection.execute(TIMELINES)
        await people(connection)
        print("| posts | followed | merged | merged, deep | a page of each | joined | timeline |")
        print("|---|---|---|---|---|---|---|", flush=True)
        written = 0
        for size in (size for size in SIZES if size <= arguments.posts):
            await grow(connection, written, size)
            await reads(connection, size)
            written = size
        print("\n| followers | a post written | and it weighs |\n|---|---|---|")
        await writes(connection)
        await connection.close()
        await databases.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=max(SIZES), help="most posts")
    run_benchmark(main(parser.parse_args()))
