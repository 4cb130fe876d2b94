"""Registering does the same work for every address; who holds an account holds its links, too."""

import asyncio

import httpx
import pytest

from auth_service.models import LinkPurpose
from auth_service.resources import Resources
from common.testing.conformance import assert_problem
from common.testing.locks import somebody_waits
from services.auth.tests.factories import (
    account_held,
    logged_in,
    mailed_token,
    register,
    statements,
    verify,
)


async def test_a_registration_runs_the_same_statements_for_every_address(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources, "known")
    await register(client, "unverified")
    # Of each kind twice: what is compiled or prepared once does not count.
    runs = []
    for n in range(2):
        for name in ("known", "unverified", f"unknown{n}"):
            async with statements(resources) as sent:
                answer = await register(client, name, username=f"{name}_{n}")
            assert answer.status_code == 202
            runs.append(sent)
    assert len(runs[0]) >= 5
    assert all(sent == runs[0] for sent in runs)


async def test_a_registration_of_a_taken_name_runs_the_same_statements_for_every_address(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources, "ada")
    await logged_in(client, resources, "grace")
    await register(client, "unverified")
    runs = []
    for name in ("ada", "unverified", "unknown"):
        async with statements(resources) as sent:
            assert_problem(await register(client, name, username="grace"), 409)
        runs.append(sent)
    assert all(sent == runs[0] for sent in runs)


@pytest.mark.parametrize("purpose", [LinkPurpose.VERIFY_EMAIL, LinkPurpose.CHANGE_EMAIL])
async def test_who_uses_a_link_waits_for_the_account_before_holding_the_link(
    client: httpx.AsyncClient, resources: Resources, purpose: LinkPurpose
) -> None:
    if purpose is LinkPurpose.VERIFY_EMAIL:
        await register(client)
        path = "/api/v1/auth/verify-email"
    else:
        tokens = await logged_in(client, resources)
        body = {"email": "new@example.com", "password": "a staple that batteries eat"}
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        await client.post("/api/v1/auth/change-email", json=body, headers=headers)
        path = "/api/v1/auth/confirm-email"
    token = await mailed_token(resources, purpose)
    async with account_held(resources, "ada@example.com") as tx:
        using = asyncio.create_task(client.post(path, json={"token": token}))
        await somebody_waits(resources.platform.database)
        account = await tx.accounts.find_by_email("ada@example.com")
        assert account is not None
        # In the other order each would wait for the other, and PostgreSQL end one of them.
        await tx.links.withdraw(account.id)
    assert assert_problem(await using, 422)["code"] == "auth.link_invalid"


async def test_a_link_of_an_account_that_is_removed_meanwhile_is_invalid(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await register(client)
    token = await mailed_token(resources)
    async with account_held(resources, "ada@example.com") as tx:
        using = asyncio.create_task(verify(client, token))
        await somebody_waits(resources.platform.database)
        await tx.accounts.remove_unverified("ada@example.com")
    assert assert_problem(await using, 422)["code"] == "auth.link_invalid"
