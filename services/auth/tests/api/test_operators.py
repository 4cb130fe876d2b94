"""`colonnade auth …` against the real service: how the first admin comes to be."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from auth_service.resources import Resources
from auth_service.worker import chain_audit
from common.cli.identity import UsageError
from common.cli.main import parser, run
from common.http.client import PeerClient
from common.testing.apps import client_of
from common.testing.conformance import assert_problem
from common.testing.keys import private_pem, public_pem
from common.tokens import InternalTokens
from devstack.fixtures import ServiceDatabase
from services.auth.tests.factories import (
    account,
    headers_of,
    issued_key,
    log_in,
    logged_in,
    refresh,
)
from services.auth.tests.usecases.test_audit import unguarded

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


def document(told: str) -> Any:
    """The JSON of an output, in which the app's log lines stand, too."""
    lines = told.splitlines()
    first = next(n for n, line in enumerate(lines) if line in ("[", "{"))
    return json.loads("\n".join(lines[first:]))


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


async def test_an_operator_reads_what_was_done_and_by_whom(
    client: httpx.AsyncClient,
    resources: Resources,
    colonnade: Colonnade,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await logged_in(client, resources)
    await logged_in(client, resources, "grace")
    await colonnade("grant", "ada@example.com", "admin", "--by", "root", "--reason", "the first")
    capsys.readouterr()
    assert await colonnade("audit", "--account", "ada@example.com", "--json") == 0
    entries = document(capsys.readouterr().out)
    assert [entry["action"] for entry in entries] == ["role_granted", "login"]
    told = entries[0]["personal"]
    assert (told["operator"], told["reason"], told["caller"]) == ("root", "the first", "notifier")
    assert await colonnade("audit", "--actor", "grace@example.com", "--action", "login") == 0
    assert capsys.readouterr().out.count("waits") == 1
    assert await colonnade("audit", "--action", "logout") == 0
    assert "There is none." in capsys.readouterr().out


async def test_an_operator_verifies_the_chain(
    client: httpx.AsyncClient,
    resources: Resources,
    database: ServiceDatabase,
    colonnade: Colonnade,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await logged_in(client, resources)
    for _ in range(3):
        await log_in(client)
    await chain_audit(resources)
    assert await colonnade("audit", "verify") == 0
    told = capsys.readouterr().out
    assert "The chain holds: 4 entries" in told
    end = told.split("the last with ")[1].split(".")[0]
    await log_in(client)
    await chain_audit(resources)
    assert await colonnade("audit", "verify", "--known", f"4:{end}") == 0
    for known in (f"4:{'0' * 64}", f"9:{end}", f"3:{end}"):
        assert await colonnade("audit", "verify", "--known", known) == 1
    assert "it was made anew" in capsys.readouterr().out
    await unguarded(database, "UPDATE audit_entries SET action = 'x' WHERE position = 2")
    assert await colonnade("audit", "verify") == 1
    assert "breaks at position 2, entry" in capsys.readouterr().out
    with pytest.raises(UsageError):
        await colonnade("audit", "verify", "--known", end)


async def test_an_operator_erases_what_is_personal(
    client: httpx.AsyncClient,
    resources: Resources,
    colonnade: Colonnade,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await logged_in(client, resources)
    stored = await account(resources)
    assert stored is not None
    await chain_audit(resources)
    assert await colonnade("audit", "erase", stored.id, "--reason", "Art. 17") == 0
    assert "in 1 entries" in capsys.readouterr().out
    await chain_audit(resources)
    assert await colonnade("audit", "verify", "--json") == 0
    found = document(capsys.readouterr().out)
    assert (found["position"], found["erased"], found["broken"]) == (2, 1, None)


async def test_an_operator_sees_and_revokes_the_tokens_of_an_account(
    client: httpx.AsyncClient,
    resources: Resources,
    colonnade: Colonnade,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tokens = await logged_in(client, resources)
    stranger = await issued_key(client, await logged_in(client, resources, "grace"))
    keys = [await issued_key(client, tokens, name=f"Build {n}") for n in range(3)]
    capsys.readouterr()
    assert await colonnade("tokens", "ada@example.com") == 0
    told = capsys.readouterr().out
    assert [told.count(key["id"]) for key in keys] == [1, 1, 1]
    assert "Build 2" in told
    assert "posts:read posts:write" in told
    assert "never" in told
    assert keys[0]["token"] not in told
    why = ("--by", "root", "--reason", "found in a log")
    assert await colonnade("revoke-tokens", "ada@example.com", keys[0]["id"], *why) == 0
    assert "Revoked of ada@example.com: 1." in capsys.readouterr().out
    assert await colonnade("tokens", "ada@example.com", "--json") == 0
    assert [each["id"] for each in document(capsys.readouterr().out)] == [
        keys[2]["id"],
        keys[1]["id"],
    ]
    for unknown in (keys[0]["id"], stranger["id"], uuid4()):
        assert await colonnade("revoke-tokens", "ada@example.com", unknown) == 1
    assert await colonnade("revoke-tokens", "ada@example.com", "--all", "--json") == 0
    assert document(capsys.readouterr().out) == {"revoked": 2}
    assert await colonnade("tokens", "ada@example.com") == 0
    assert "There is none." in capsys.readouterr().out
    assert await colonnade("tokens", "grace@example.com") == 0
    assert stranger["id"] in capsys.readouterr().out
    assert await colonnade("audit", "--action", "key_revoked", "--json") == 0
    newest, oldest = document(capsys.readouterr().out)
    assert {*newest["details"]["key_ids"]} == {keys[1]["id"], keys[2]["id"]}
    assert (oldest["personal"]["operator"], oldest["personal"]["reason"]) == (
        "root",
        "found in a log",
    )


@pytest.mark.parametrize("which", [(), (str(UUID(int=1)), "--all")])
async def test_which_tokens_are_revoked_has_to_be_said(
    client: httpx.AsyncClient, resources: Resources, colonnade: Colonnade, which: tuple[str, ...]
) -> None:
    await logged_in(client, resources)
    with pytest.raises(UsageError, match="one token, or"):
        await colonnade("revoke-tokens", "ada@example.com", *which)
