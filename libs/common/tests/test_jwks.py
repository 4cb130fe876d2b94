"""The keys of access tokens arrive whatever else is away, and a restart remembers them."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
import pytest
import pytest_asyncio
import respx

from common.db import Base, open_database
from common.db.jwks_copy import JwksCopy, load_jwks
from common.jwks import PATH, refresh_keys
from common.platform import Platform, open_platform
from common.settings import DatabaseSettings, ServiceSettings
from common.supervision import supervised
from common.testing.apps import settings_values
from common.testing.keys import jwks, key_of, mint_user_token
from common.tokens import InvalidToken, KeysUnknown

NEXT = {"keys": [key_of("next").as_dict(private=False)]}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def database_url(postgres_server: str, worker_id: str) -> str:
    name = f"jwks_{worker_id}"
    admin = await asyncpg.connect(postgres_server)
    await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    await admin.execute(f"CREATE DATABASE {name}")
    await admin.close()
    return urlunsplit(urlsplit(postgres_server)._replace(path=f"/{name}"))


@pytest_asyncio.fixture
async def _empty_table(database_url: str) -> None:
    table = Base.metadata.tables[JwksCopy.__tablename__]
    async with (
        open_database(DatabaseSettings(database_url=database_url)) as database,
        database.engine.begin() as connection,
    ):
        await connection.run_sync(Base.metadata.drop_all, tables=[table])
        await connection.run_sync(Base.metadata.create_all, tables=[table])


@asynccontextmanager
async def refreshing(database_url: str, **more: object) -> AsyncIterator[Platform]:
    values = settings_values(
        "echo",
        database_url=database_url,
        streams_url="redis://127.0.0.1:1/0",
        peers=["echo", "issuer"],
        **{"token_keys_peer": "issuer", "jwks_refresh_seconds": 0.05, **more},
    )
    async with open_platform("echo", ServiceSettings(**values)) as platform:
        # It is known which sessions have ended: none.
        platform.user_tokens.revoke({})

        async def refresh() -> None:
            await refresh_keys(platform)

        async with supervised({"refresh": refresh}):
            yield platform


async def eventually(check: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(5):
        while not await check():  # noqa: ASYNC110 — what it waits for has no event.
            await asyncio.sleep(0.02)


def accepts(platform: Platform, signer: str) -> Callable[[], Awaitable[bool]]:
    token = mint_user_token(signer=signer) if signer != "first" else mint_user_token()

    async def check() -> bool:
        try:
            platform.user_tokens.verify(token)
        except (InvalidToken, KeysUnknown):
            return False
        return True

    return check


@pytest.fixture
def keys_route(respx_mock: respx.MockRouter) -> respx.Route:
    route: respx.Route = respx_mock.get(path=PATH)
    return route.respond(json=jwks())


@pytest.mark.usefixtures("_empty_table")
async def test_new_keys_are_fetched_and_stored(database_url: str, keys_route: respx.Route) -> None:
    async with refreshing(database_url) as platform:
        await eventually(accepts(platform, "first"))
        keys_route.respond(json=NEXT)
        await eventually(accepts(platform, "next"))
        assert not await accepts(platform, "first")()

        async def stored() -> bool:
            return await load_jwks(platform.database) == NEXT

        await eventually(stored)


@pytest.mark.usefixtures("_empty_table")
async def test_a_restart_works_from_the_copy_while_the_issuer_is_away(
    database_url: str, keys_route: respx.Route
) -> None:
    async with refreshing(database_url) as platform:
        await eventually(accepts(platform, "first"))

        async def stored() -> bool:
            return await load_jwks(platform.database) is not None

        await eventually(stored)
    keys_route.mock(side_effect=httpx.ConnectError("away"))
    async with refreshing(database_url) as platform:
        await eventually(accepts(platform, "first"))


@pytest.mark.usefixtures("_empty_table")
@pytest.mark.parametrize(
    "answer", [{"json": []}, {"json": {"keys": []}}, {"text": "<html>"}, {"status_code": 404}]
)
async def test_a_bad_answer_leaves_the_keys_in_use(
    database_url: str, keys_route: respx.Route, answer: dict[str, object]
) -> None:
    async with refreshing(database_url) as platform:
        await eventually(accepts(platform, "first"))
        calls = keys_route.call_count
        keys_route.respond(**answer)  # type: ignore[arg-type]  # one member each, of its type.

        async def asked_again() -> bool:
            return keys_route.call_count >= calls + 3

        await eventually(asked_again)
        assert await accepts(platform, "first")()


@pytest.mark.usefixtures("_empty_table")
async def test_a_token_of_an_unknown_key_has_the_keys_read_before_their_time(
    database_url: str, keys_route: respx.Route
) -> None:
    async with refreshing(database_url, jwks_refresh_seconds=3600) as platform:
        await eventually(accepts(platform, "first"))
        keys_route.respond(json=NEXT)
        await eventually(accepts(platform, "next"))


@pytest.mark.usefixtures("_empty_table")
async def test_no_number_of_unknown_keys_has_the_keys_read_all_the_time(
    monkeypatch: pytest.MonkeyPatch, database_url: str, keys_route: respx.Route
) -> None:
    monkeypatch.setattr("common.jwks._LEAST_SECONDS", 0.1)
    read: list[float] = []

    def answer(_request: httpx.Request) -> httpx.Response:
        read.append(time.monotonic())
        return httpx.Response(200, json=jwks())

    keys_route.mock(side_effect=answer)
    async with refreshing(database_url, jwks_refresh_seconds=3600) as platform:

        async def asked_often() -> bool:
            await accepts(platform, "stranger")()
            return len(read) >= 5

        await eventually(asked_often)
    assert all(later - earlier >= 0.1 for earlier, later in pairwise(read))


async def test_an_absent_database_does_not_keep_the_keys_away(keys_route: respx.Route) -> None:
    async with refreshing("postgresql://nobody:x@127.0.0.1:1/none") as platform:
        await eventually(accepts(platform, "first"))
