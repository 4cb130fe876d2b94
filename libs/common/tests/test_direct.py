"""Statements that the driver runs itself: what a session would find, without its cost."""

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import DateTime, Integer, String, Uuid, bindparam, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.exc import StatementError

from common.db import Database, Executor, InSession, Statement, engine, open_database
from common.db.errors import DatabaseUnavailable
from common.settings import DatabaseSettings

NUMBER = bindparam("number", type_=Integer())
TWICE = Statement(select(NUMBER * literal(2)).where(NUMBER > 0))
BACKEND = Statement(select(func.pg_backend_pid()))
SLEEP = Statement(select(func.pg_sleep(5)))
VALUES: dict[str, tuple[Any, Any]] = {
    "person": (Uuid(), uuid4()),
    "moment": (DateTime(timezone=True), datetime(2026, 1, 1, tzinfo=UTC)),
    "words": (ARRAY(String), ["a", "b"]),
    "facts": (JSONB(), {"a": [1, None]}),
}


@pytest.fixture
async def database(postgres_server: str) -> AsyncIterator[Database]:
    settings = DatabaseSettings(database_url=postgres_server, database_direct_pool_size=2)
    async with open_database(settings) as opened:
        yield opened


@pytest.fixture(params=["direct", "in a session"])
async def executor(database: Database, request: pytest.FixtureRequest) -> AsyncIterator[Executor]:
    if request.param == "direct":
        yield database.direct
        return
    async with database.transaction() as session:
        yield InSession(session)


async def test_rows_are_found_by_the_values_of_each_run(executor: Executor) -> None:
    assert [tuple(row) for row in await executor.all(TWICE, number=21)] == [(42,)]
    row = await executor.first(TWICE, number=4)
    assert row is not None
    assert tuple(row) == (8,)
    assert await executor.first(TWICE, number=-1) is None
    assert await executor.all(TWICE, number=-1) == []


async def test_values_are_bound_by_their_types(executor: Executor) -> None:
    # JSON is looked into: what either returns of it is the driver's or the engine's affair.
    columns = [bindparam(name, type_=kind) for name, (kind, _) in VALUES.items()]
    statement = Statement(select(*columns[:3], func.jsonb_extract_path_text(columns[3], "a", "0")))
    row = await executor.first(statement, **{name: value for name, (_, value) in VALUES.items()})
    assert row is not None
    assert tuple(row) == (*(value for _, value in list(VALUES.values())[:3]), "1")


async def test_a_value_that_is_missing_is_an_error(executor: Executor) -> None:
    with pytest.raises((KeyError, StatementError)):
        await executor.first(TWICE)


async def test_more_callers_than_connections_wait_for_their_turn(database: Database) -> None:
    running = (database.direct.first(BACKEND) for _ in range(20))
    backends = {tuple(row or ()) for row in await asyncio.gather(*running)}
    assert 1 <= len(backends) <= 2


async def test_connections_that_the_server_closed_are_replaced_unnoticed(
    database: Database,
) -> None:
    [before] = await database.direct.all(BACKEND)
    async with database.transaction() as session:
        closing = Statement(select(func.pg_terminate_backend(before[0], 5000)))
        assert await InSession(session).first(closing) == (True,)
    await asyncio.sleep(0.05)
    [after] = await database.direct.all(BACKEND)
    assert after != before


async def test_a_caller_that_gives_up_leaves_a_connection_that_works(database: Database) -> None:
    for _ in range(4):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await database.direct.first(SLEEP)
    assert await database.direct.first(BACKEND) is not None


async def test_a_server_that_is_away_is_unavailable() -> None:
    nowhere = DatabaseSettings(database_url="postgresql://nobody@127.0.0.1:1/nothing")
    async with open_database(nowhere) as database:
        with pytest.raises(DatabaseUnavailable):
            await database.direct.first(BACKEND)


async def test_a_server_that_never_answers_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://nobody:x@127.0.0.1:{silent.getsockname()[1]}/nothing"
        async with open_database(DatabaseSettings(database_url=url)) as database:
            with pytest.raises(DatabaseUnavailable):
                await database.direct.first(BACKEND)


async def test_a_server_that_answers_no_more_is_unavailable(
    postgres_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "COMMAND_SECONDS", 0.2)
    async with open_database(DatabaseSettings(database_url=postgres_server)) as database:
        with pytest.raises(DatabaseUnavailable):
            await database.direct.first(SLEEP)


async def test_a_pool_without_a_free_connection_is_unavailable(postgres_server: str) -> None:
    settings = DatabaseSettings(
        database_url=postgres_server,
        database_direct_pool_size=1,
        database_pool_timeout_seconds=0.1,
    )
    async with open_database(settings) as database, asyncio.TaskGroup() as group:
        sleeping = group.create_task(database.direct.first(SLEEP))
        await asyncio.sleep(0.05)
        with pytest.raises(DatabaseUnavailable):
            await database.direct.first(BACKEND)
        sleeping.cancel()
