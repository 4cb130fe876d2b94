"""A producer and a consumer with a database each, one real Redis, and the relay between them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from common.db import Base, Database, open_database
from common.outbox import relay
from common.outbox import tables as outbox_tables
from common.platform import open_streams
from common.settings import DatabaseSettings, StreamSettings
from common.streams import tables as stream_tables
from devstack.fixtures import ValkeyDatabase
from libs.common.tests.events.bench import Bench

TABLES = [
    Base.metadata.tables[model.__tablename__]
    for model in (
        outbox_tables.OutboxRow,
        outbox_tables.LogRow,
        outbox_tables.StreamHead,
        outbox_tables.EpochRow,
        outbox_tables.EventReader,
        stream_tables.StreamCursor,
        stream_tables.ParkedEvent,
        stream_tables.LostRange,
    )
]
EMPTY = """
    TRUNCATE outbox, event_log, stream_head, epochs, stream_cursor, parked_events, lost_ranges,
        event_readers, effects, copies RESTART IDENTITY;
    INSERT INTO stream_head DEFAULT VALUES
"""


@asynccontextmanager
async def _database(admin_url: str, name: str) -> AsyncIterator[Database]:
    admin = await asyncpg.connect(admin_url)
    await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    await admin.execute(f"CREATE DATABASE {name}")
    await admin.close()
    url = _url(admin_url, name)
    async with open_database(DatabaseSettings(database_url=url)) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all, tables=TABLES)
            await connection.execute(text("CREATE TABLE effects (id uuid, key text, n int)"))
            await connection.execute(
                text("CREATE TABLE copies (n int PRIMARY KEY, epoch bigint, position bigint)")
            )
        yield database


@pytest.fixture(scope="session")
async def databases(
    postgres_server: str, worker_id: str
) -> AsyncIterator[tuple[Database, Database]]:
    async with AsyncExitStack() as stack:
        yield (
            await stack.enter_async_context(_database(postgres_server, f"producer_{worker_id}")),
            await stack.enter_async_context(_database(postgres_server, f"consumer_{worker_id}")),
        )


@pytest.fixture(scope="session")
def database_urls(
    databases: tuple[Database, Database], postgres_server: str, worker_id: str
) -> tuple[str, str]:
    """Where the two databases are, for tests that connect in a loop of their own."""
    producer, consumer = f"producer_{worker_id}", f"consumer_{worker_id}"
    return _url(postgres_server, producer), _url(postgres_server, consumer)


def _url(admin_url: str, database: str) -> str:
    return urlunsplit(urlsplit(admin_url)._replace(path=f"/{database}"))


@pytest.fixture(scope="session")
async def streams(valkey_database: ValkeyDatabase) -> AsyncIterator[Redis]:
    async with open_streams(StreamSettings(streams_url=valkey_database.url)) as client:
        yield client


@pytest.fixture
async def bench(
    databases: tuple[Database, Database], streams: Redis, monkeypatch: pytest.MonkeyPatch
) -> Bench:
    """An empty bench, on which a millisecond passes from epoch to epoch: they are 1, 2, 3."""
    begin = datetime.fromtimestamp(0, UTC)
    times = (begin + timedelta(milliseconds=n) for n in count(1))
    monkeypatch.setattr(relay, "utc_now", lambda: next(times))
    for database in databases:
        async with database.engine.begin() as connection:
            for statement in EMPTY.split(";"):
                await connection.execute(text(statement))
    await streams.flushdb()
    return Bench(*databases, streams)
