"""A request that comes again under its key has one effect and one answer, whatever happened."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import asyncpg
import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Response
from pydantic import BaseModel
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from common.clock import utc_now
from common.db import Base, Database, open_database
from common.errors import Conflict
from common.http.app import build_app
from common.http.dependencies import CurrentUser
from common.http.idempotency import HEADER, IdempotentRoute
from common.http.openapi import public_document
from common.http.transactions import transaction
from common.idempotency import expiry
from common.idempotency.expiry import forget_answers
from common.idempotency.tables import IdempotencyKey
from common.ids import new_id
from common.platform import Platform, open_platform
from common.settings import DatabaseSettings, ServiceSettings
from common.testing.apps import client_of, running, settings_values
from common.testing.keys import bearer, mint_user_token

router = APIRouter(prefix="/api/v1/shelves/{shelf}/notes", route_class=IdempotentRoute)
gate = asyncio.Event()
A_KEY = "locktype = 'advisory'"
WAITED_FOR = "NOT granted"
HERE = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"


class Note(BaseModel):
    text: str


class NoteRead(Note):
    id: UUID
    at: datetime


class Refused(Conflict):
    code = "echo.refused"
    message = "This is refused for good."
    commits = True


@dataclass(frozen=True, slots=True)
class Tx:
    session: AsyncSession


@dataclass(frozen=True, slots=True)
class Resources:
    platform: Platform

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        async with self.platform.database.transaction() as session:
            yield Tx(session)


InTransaction = Annotated[Tx, Depends(transaction, scope="function")]


@router.post("", status_code=201)
async def create_note(
    shelf: str, body: Note, response: Response, tx: InTransaction, user: CurrentUser
) -> NoteRead:
    """Write a note; its text may ask for a failure after the effect."""
    note = NoteRead(id=new_id(), at=utc_now(), text=body.text)
    await tx.session.execute(text("INSERT INTO notes VALUES (:id)").bindparams(id=note.id))
    if body.text == "wait":
        await gate.wait()
    for name, error in (("crash", RuntimeError), ("conflict", Conflict), ("refuse", Refused)):
        if body.text == name:
            raise error
    response.headers.update({"Location": f"/notes/{note.id}", "ETag": '"1"', "Set-Cookie": "a=b"})
    return note


@pytest.fixture(scope="session")
async def database_url(postgres_server: str, worker_id: str) -> str:
    """A database with the two tables, and those rights that a service has on its own."""
    name = f"idempotency_{worker_id}"
    admin = await asyncpg.connect(postgres_server)
    await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    await admin.execute(f"CREATE DATABASE {name}")
    await admin.close()
    url = urlunsplit(urlsplit(postgres_server)._replace(path=f"/{name}"))
    async with (
        open_database(DatabaseSettings(database_url=url)) as database,
        database.engine.begin() as connection,
    ):
        table = Base.metadata.tables[IdempotencyKey.__tablename__]
        await connection.run_sync(Base.metadata.create_all, tables=[table])
        await connection.execute(text("CREATE TABLE notes (id uuid PRIMARY KEY)"))
    return url


@pytest.fixture
async def app(database_url: str) -> AsyncIterator[FastAPI]:
    @asynccontextmanager
    async def open_resources(settings: ServiceSettings) -> AsyncIterator[Resources]:
        async with open_platform("echo", settings) as platform:
            yield Resources(platform)

    values = settings_values(
        "echo", database_url=database_url, streams_url="redis://127.0.0.1:1/0", peers=["echo"]
    )
    settings = ServiceSettings(**values)
    built = build_app(
        service="echo", settings=settings, open_resources=open_resources, routers=[router]
    )
    gate.clear()
    async with running(built) as started:
        yield started
        async with started.state.resources.transaction() as tx:
            await tx.session.execute(text("TRUNCATE notes, idempotency_keys"))


@pytest.fixture
def database(app: FastAPI) -> Database:
    found: Database = app.state.resources.platform.database
    return found


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as opened:
        yield opened


class Caller:
    """Somebody who sends notes, by default under the same key."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._headers = bearer(mint_user_token(new_id()))

    async def send(
        self, body: str = "hello", *, key: str = "k", shelf: str = "a", query: str = ""
    ) -> httpx.Response:
        path = f"/api/v1/shelves/{shelf}/notes{query}"
        plain = {**self._headers, HEADER: key}
        headers = {name.encode(): value.encode("latin-1") for name, value in plain.items()}
        return await self._client.post(path, json={"text": body}, headers=headers)


@pytest.fixture
def ada(client: httpx.AsyncClient) -> Caller:
    return Caller(client)


async def count(database: Database, table: str = "notes") -> int:
    async with database.reads() as connection:
        query = select(func.count()).select_from(text(table))
        return int(await connection.scalar(query) or 0)


def same(first: httpx.Response, second: httpx.Response) -> bool:
    """Tell whether two answers are alike in all but what belongs to the exchange."""
    own = ("x-request-id", "set-cookie")
    shown = [{k: v for k, v in r.headers.items() if k not in own} for r in (first, second)]
    return first.status_code == second.status_code and (
        (first.content, shown[0]) == (second.content, shown[1])
    )


async def test_a_repeated_request_gets_the_first_answer_and_no_second_effect(
    ada: Caller, database: Database
) -> None:
    first = await ada.send()
    again = await ada.send()
    assert (first.status_code, first.headers["etag"]) == (201, '"1"')
    assert same(first, again)
    assert again.headers["location"] == f"/notes/{first.json()['id']}"
    assert await count(database) == 1


async def test_a_cookie_is_not_kept(ada: Caller) -> None:
    assert "set-cookie" in (await ada.send()).headers
    assert "set-cookie" not in (await ada.send()).headers


async def test_without_a_key_each_request_has_its_effect(
    client: httpx.AsyncClient, database: Database
) -> None:
    headers = bearer(mint_user_token())
    for _ in range(2):
        sent = await client.post("/api/v1/shelves/a/notes", json={"text": "x"}, headers=headers)
        assert sent.status_code == 201
    assert (await count(database), await count(database, "idempotency_keys")) == (2, 0)


@pytest.mark.parametrize(("body", "query"), [("another", ""), ("hello", "?urgent=1")])
async def test_the_key_of_another_request_is_refused(
    ada: Caller, database: Database, body: str, query: str
) -> None:
    first = await ada.send()
    other = await ada.send(body, query=query)
    assert (other.status_code, other.json()["code"]) == (422, "common.idempotency_key_reused")
    assert same(await ada.send(), first)
    assert await count(database) == 1


async def test_a_key_belongs_to_its_caller_and_its_path(
    client: httpx.AsyncClient, database: Database
) -> None:
    ada, grace = Caller(client), Caller(client)
    answers = [await ada.send(), await grace.send("other"), await ada.send("third", shelf="b")]
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert await count(database) == 3


@pytest.mark.parametrize(
    "key", ["", "a b", "x" * 256, "caf\u00e9", "\t", "a\x00b", "\x7f"], ids=ascii
)
async def test_a_malformed_key_is_refused(ada: Caller, database: Database, key: str) -> None:
    response = await ada.send(key=key)
    assert (response.status_code, response.json()["code"]) == (
        422,
        "common.idempotency_key_invalid",
    )
    assert await count(database) == 0


async def test_two_keys_are_no_key(client: httpx.AsyncClient) -> None:
    token = bearer(mint_user_token())["Authorization"]
    headers = [("Authorization", token), (HEADER, "a"), (HEADER, "b")]
    sent = await client.post("/api/v1/shelves/a/notes", json={"text": "x"}, headers=headers)
    assert sent.json()["code"] == "common.idempotency_key_invalid"


@pytest.mark.parametrize("key", ["k", "!", "~" * 255, '"8e03978e-40d5-43dd-bc93-6894a57f9324"'])
async def test_a_key_is_any_visible_ascii(ada: Caller, key: str) -> None:
    assert same(await ada.send(key=key), await ada.send(key=key))


@pytest.mark.parametrize(
    ("header", "code"),
    [(None, "common.unauthenticated"), ("Bearer x.y.z", "common.invalid_token")],
)
async def test_a_key_without_a_caller_is_refused(
    client: httpx.AsyncClient, database: Database, header: str | None, code: str
) -> None:
    headers = {HEADER: "k"} | ({"Authorization": header} if header else {})
    sent = await client.post("/api/v1/shelves/a/notes", json={"text": "x"}, headers=headers)
    assert (sent.status_code, sent.json()["code"]) == (401, code)
    assert await count(database, "idempotency_keys") == 0


async def test_an_invalid_body_keeps_no_answer(client: httpx.AsyncClient) -> None:
    headers = bearer(mint_user_token(new_id())) | {HEADER: "k"}
    path = "/api/v1/shelves/a/notes"
    wrong = await client.post(path, json={"text": 7}, headers=headers)
    assert (wrong.status_code, wrong.json()["code"]) == (422, "common.validation_failed")
    assert (await client.post(path, json={"text": "7"}, headers=headers)).status_code == 201


@pytest.mark.parametrize(("body", "status"), [("conflict", 409), ("crash", 500)])
async def test_a_failure_keeps_nothing_and_the_next_try_runs(
    ada: Caller, database: Database, body: str, status: int
) -> None:
    for _ in range(2):
        response = await ada.send(body)
        assert response.status_code == status
        assert response.json()["code"] != "common.idempotency_key_reused"
    # The key is free: not even the body is remembered.
    assert (await ada.send("mended")).status_code == 201
    assert await count(database) == 1


async def test_a_refusal_that_commits_is_kept_like_a_success(
    ada: Caller, database: Database
) -> None:
    first = await ada.send("refuse")
    again = await ada.send("refuse")
    assert (first.status_code, first.json()["code"]) == (409, "echo.refused")
    assert same(first, again)
    assert await count(database) == 1


async def test_fifty_at_once_have_one_effect(ada: Caller, database: Database) -> None:
    answers = await asyncio.gather(*(ada.send() for _ in range(50)))
    accepted = [each for each in answers if each.status_code == 201]
    refused = {each.json()["code"] for each in answers if each.status_code != 201}
    assert accepted
    assert all(same(accepted[0], each) for each in accepted)
    assert refused <= {"common.idempotency_key_in_use"}
    assert await count(database) == 1


async def test_while_the_first_runs_the_others_are_told_so(ada: Caller, database: Database) -> None:
    first = asyncio.create_task(ada.send("wait"))
    await holder_of(database, A_KEY)
    others = await asyncio.gather(*(ada.send("wait") for _ in range(8)))
    assert {each.status_code for each in others} == {409}
    gate.set()
    assert same(await first, await ada.send("wait"))
    assert await count(database) == 1


async def test_a_client_that_gives_up_leaves_nothing(ada: Caller, database: Database) -> None:
    first = asyncio.create_task(ada.send("wait"))
    await holder_of(database, A_KEY)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    gate.set()
    assert await count(database) == 0
    assert (await ada.send("wait")).status_code == 201
    assert await count(database) == 1


async def test_a_connection_lost_between_effect_and_commit_leaves_nothing(
    ada: Caller, database: Database
) -> None:
    async with paused_before_commit(database):
        first = asyncio.create_task(ada.send())
        pid = await holder_of(database, WAITED_FOR)
        async with database.reads() as connection:
            await connection.execute(select(func.pg_terminate_backend(pid)))
        assert (await first).status_code == 503
    assert (await count(database), await count(database, "idempotency_keys")) == (0, 0)
    assert (await ada.send()).status_code == 201
    assert await count(database) == 1


async def test_after_a_day_a_key_is_new(ada: Caller, database: Database) -> None:
    first = await ada.send()
    await make_older(database, timedelta(hours=24, seconds=-30))
    assert same(await ada.send(), first)
    await make_older(database, timedelta(seconds=31))
    second = await ada.send("another")
    assert (second.status_code, await count(database)) == (201, 2)
    assert same(await ada.send("another"), second)


async def test_answers_are_forgotten_in_batches_when_their_day_is_over(
    ada: Caller, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiry, "BATCH", 2)
    for number in range(3):
        await ada.send(key=f"old-{number}")
    await make_older(database, timedelta(hours=24))
    await ada.send(key="new")
    now = datetime.now(UTC)
    assert [await forget_answers(database, now=now) for _ in range(3)] == [2, 1, 0]
    assert await count(database, "idempotency_keys") == 1


def test_the_document_tells_of_the_key(app: FastAPI) -> None:
    operation = public_document(app)["paths"][router.prefix]["post"]
    [header] = [each for each in operation["parameters"] if each["in"] == "header"]
    assert (header["name"], header["required"]) == ("Idempotency-Key", False)
    assert {"409", "422"} <= operation["responses"].keys()
    assert "another request" in operation["responses"]["422"]["description"]


async def holder_of(database: Database, lock: str) -> int:
    """Return the process that has such a lock, or waits for one, as soon as there is one."""
    query = text(f"SELECT pid FROM pg_locks WHERE {lock} AND {HERE}")  # noqa: S608 - constants.
    async with asyncio.timeout(5), database.reads() as connection:
        while True:
            pid = await connection.scalar(query)
            if pid is not None:
                return int(pid)
            await asyncio.sleep(0.01)


@asynccontextmanager
async def paused_before_commit(database: Database) -> AsyncIterator[None]:
    """Hold up whoever has had its effect and writes its answer."""
    async with database.transaction() as session:
        await session.execute(text("LOCK TABLE idempotency_keys IN SHARE MODE"))
        yield


async def make_older(database: Database, age: timedelta) -> None:
    async with database.transaction() as session:
        await session.execute(
            text("UPDATE idempotency_keys SET created_at = created_at - :age").bindparams(age=age)
        )
