"""The database of a process survives what happens to its server's connections."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from common.db import Database, engine, open_database
from common.db.errors import DatabaseUnavailable
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


async def test_a_server_that_never_answers_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://nobody:x@127.0.0.1:{silent.getsockname()[1]}/nothing"
        async with open_database(DatabaseSettings(database_url=url)) as database:
            with pytest.raises(DatabaseUnavailable):
                async with database.transaction() as session:
                    await session.execute(text("SELECT 1"))


async def test_a_server_that_answers_no_more_is_unavailable(
    postgres_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "COMMAND_SECONDS", 0.2)
    async with open_database(DatabaseSettings(database_url=postgres_server)) as database:
        with pytest.raises(DatabaseUnavailable):
            async with database.transaction() as session:
                await session.execute(text("SELECT pg_sleep(5)"))


@pytest.mark.parametrize("last", ["SELECT pg_sleep(5)", "SELECT pg_terminate_backend(%s, 5000)"])
async def test_a_connection_of_the_driver_that_broke_is_not_lent_again(
    postgres_server: str, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    monkeypatch.setattr(engine, "COMMAND_SECONDS", 0.5)
    settings = DatabaseSettings(database_url=postgres_server, database_pool_size=1)
    async with open_database(settings) as database:
        async with database.driver() as connection:
            broken = await connection.fetchval("SELECT pg_backend_pid()")
        with pytest.raises(DatabaseUnavailable):
            async with database.driver() as connection:
                await connection.fetchval(last.replace("%s", str(broken)))
        async with database.driver() as connection:
            assert await connection.fetchval("SELECT pg_backend_pid()") != broken


@pytest.mark.parametrize("failure", [FileNotFoundError("no template"), TimeoutError()])
async def test_what_fails_in_a_transaction_is_not_taken_for_the_database(
    database: Database, failure: Exception
) -> None:
    with pytest.raises(type(failure)):
        async with database.transaction() as session:
            await session.execute(text("SELECT 1"))
            raise failure


async def test_the_url_may_say_what_postgresql_lets_it_say(postgres_server: str) -> None:
    url = f"{postgres_server}?sslmode=prefer&application_name=test"
    settings = DatabaseSettings(database_url=url)
    async with open_database(settings) as database, database.reads() as connection:
        shown = await connection.execute(text("SHOW application_name"))
        assert shown.scalar_one() == "test"


async def test_an_error_does_not_show_the_parameters(database: Database) -> None:
    with pytest.raises(DBAPIError) as caught:
        async with database.transaction() as session:
            await session.execute(text("SELECT 1 / length(:text)"), {"text": ""})
    assert "parameters hidden" in str(caught.value)


async def test_a_statement_that_takes_too_long_is_unavailable_not_a_bug(
    database: Database,
) -> None:
    with pytest.raises(DatabaseUnavailable):
        async with database.transaction() as session:
            await session.execute(text("SET LOCAL statement_timeout = '50ms'"))
            await session.execute(text("SELECT pg_sleep(5)"))
