"""The database of a process survives what happens to its server's connections."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from common.db import Database, open_database
from common.db.engine import DatabaseUnavailable
from common.settings import DatabaseSettings


@pytest.fixture
async def database(postgres_server: str) -> AsyncIterator[Database]:
    async with open_database(DatabaseSettings(database_url=postgres_server)) as opened:
        yield opened


async def test_connections_that_the_server_closed_are_replaced_unnoticed(
    database: Database, postgres_server: str
) -> None:
    backend = text("SELECT pg_backend_pid()")
    async with database.reads() as first, database.reads() as second:
        idle = [(await each.execute(backend)).scalar_one() for each in (first, second)]
    settings = DatabaseSettings(database_url=postgres_server)
    async with open_database(settings) as other, other.reads() as admin:
        for pid in idle:
            await admin.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
    await asyncio.sleep(0.05)
    for _ in idle:
        async with database.transaction() as session:
            assert (await session.execute(backend)).scalar_one() not in idle


async def test_a_server_that_is_away_is_unavailable() -> None:
    nowhere = DatabaseSettings(database_url="postgresql://nobody@127.0.0.1:1/nothing")
    async with open_database(nowhere) as database:
        with pytest.raises(DatabaseUnavailable):
            await database.ping()
        with pytest.raises(DatabaseUnavailable):
            async with database.transaction() as session:
                await session.execute(text("SELECT 1"))


async def test_a_statement_that_takes_too_long_is_unavailable_not_a_bug(
    database: Database,
) -> None:
    with pytest.raises(DatabaseUnavailable):
        async with database.transaction() as session:
            await session.execute(text("SET LOCAL statement_timeout = '50ms'"))
            await session.execute(text("SELECT pg_sleep(5)"))
