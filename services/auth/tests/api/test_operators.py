"""`colonnade auth …` against the real service: how the first admin comes to be."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from auth_service.resources import Resources
from common.cli.identity import UsageError
from common.cli.main import parser, run
from common.http.client import PeerClient
from common.testing.apps import client_of
from common.testing.conformance import assert_problem
from common.testing.keys import private_pem, public_pem
from common.tokens import InternalTokens
from services.auth.tests.factories import account, headers_of, log_in, logged_in, refresh

type Colonnade = Callable[..., Awaitable[int]]


@pytest.fixture
async def colonnade(app: FastAPI) -> AsyncIterator[Colonnade]:
    """The command line as it runs in notifier's environment; returns the exit code."""
    tokens = InternalTokens("notifier", private_pem("notifier"), {"auth": public_pem("auth")})
    async with client_of(app) as client:
        clients = {"auth": PeerClient("auth", client, tokens)}

        async def call(*argv: Any) -> int:
            return await run(clients, parser().parse_args(["auth", *map(str, argv)]))

        yield call


async def test_an_operator_makes_the_first_admin(
    client: httpx.AsyncClient,
    resources: Resources,
    colonnade: Colonnade,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tokens = await logged_in(client, resources)
    assert await colonnade("grant", "ada@example.com", "admin", "--reason", "the first") == 0
    assert "admin from the next login on" in capsys.readouterr().out
    assert_problem(await refresh(client, tokens), 401)
    headers = headers_of((await log_in(client)).json())
    listed = await client.get("/api/v1/auth/admin/accounts", headers=headers)
    assert [item["roles"] for item in listed.json()["items"]] == [["admin"]]
    assert await colonnade("withdraw", "ada@example.com", "admin") == 0
    stored = await account(resources)
    assert stored is not None
    assert stored.roles == []


async def test_an_operator_disables_and_enables_an_account(
    client: httpx.AsyncClient, resources: Resources, colonnade: Colonnade
) -> None:
    tokens = await logged_in(client, resources)
    assert await colonnade("disable", "ada@example.com", "--reason", "stolen") == 0
    assert_problem(await refresh(client, tokens), 401)
    assert_problem(await log_in(client), 403)
    assert await colonnade("enable", "ada@example.com") == 0
    tokens = (await log_in(client)).json()
    assert await colonnade("logout", "ada@example.com") == 0
    assert_problem(await refresh(client, tokens), 401)


async def test_accounts_are_listed_as_a_table(
    client: httpx.AsyncClient,
    resources: Resources,
    colonnade: Colonnade,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await logged_in(client, resources)
    capsys.readouterr()
    assert await colonnade("accounts", "ad") == 0
    told = capsys.readouterr().out
    assert "ACCOUNT" in told
    assert "ada@example.com" in told
    assert await colonnade("accounts", "nobody") == 0
    assert "There is none." in capsys.readouterr().out


@pytest.mark.parametrize("email", ["nobody@example.com", "ada"])
async def test_what_names_no_account_is_a_wrong_command(
    client: httpx.AsyncClient, resources: Resources, colonnade: Colonnade, email: str
) -> None:
    await logged_in(client, resources)
    with pytest.raises(UsageError, match="whole address"):
        await colonnade("disable", email)
