"""A username is its owner's until they choose another; then it is free, and copies follow."""

import asyncio
from typing import Any

import httpx
import pytest

from auth_service.resources import Resources
from common.testing.conformance import assert_problem
from common.testing.keys import bearer, mint_internal_token
from common.tokens import UserTokens
from services.auth.tests.factories import (
    events_of,
    headers_of,
    log_in,
    logged_in,
    refresh,
    register,
)

CHANGED = "auth.username_changed.v1"


async def change(client: httpx.AsyncClient, tokens: dict[str, Any], to: str) -> httpx.Response:
    return await client.post(
        "/api/v1/auth/change-username", json={"username": to}, headers=headers_of(tokens)
    )


async def told(client: httpx.AsyncClient, resources: Resources, tokens: dict[str, Any]) -> str:
    """The username that an access token tells."""
    verifier = UserTokens(resources.settings.token_issuer, resources.settings.token_audience)
    verifier.use_keys((await client.get("/.well-known/jwks.json")).json())
    return verifier.verify(tokens["access_token"]).username


async def test_tokens_and_copies_follow_a_change(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    assert (await change(client, tokens, "lovelace")).status_code == 204
    [changed] = await events_of(resources, CHANGED)
    assert changed["username"] == "lovelace"
    assert await told(client, resources, (await refresh(client, tokens)).json()) == "lovelace"
    snapshot = await client.get(
        "/internal/snapshots/auth.account_registered.v1",
        headers=bearer(mint_internal_token("users", "auth")),
    )
    assert [row["username"] for row in snapshot.json()["rows"]] == ["lovelace"]
    assert (await register(client, "ada2", username="ada")).status_code == 202


async def test_the_same_name_again_is_no_change(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    assert (await change(client, tokens, "ada")).status_code == 204
    assert await events_of(resources, CHANGED) == []


async def test_a_taken_name_is_a_conflict(client: httpx.AsyncClient, resources: Resources) -> None:
    tokens = await logged_in(client, resources)
    await register(client, "grace")
    problem = assert_problem(await change(client, tokens, "grace"), 409)
    assert (problem["code"], problem["errors"][0]["pointer"]) == (
        "auth.username_taken",
        "/username",
    )
    assert await events_of(resources, CHANGED) == []


async def test_one_of_many_accounts_gets_a_name(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    names = ("ada", "grace", "edith", "hedy", "rosa")
    tokens = [await logged_in(client, resources, name) for name in names]
    answers = await asyncio.gather(*(change(client, each, "wanted") for each in tokens))
    assert sorted(answer.status_code for answer in answers) == [204, 409, 409, 409, 409]
    assert len(await events_of(resources, CHANGED)) == 1


@pytest.mark.parametrize("name", ["Ada", "ad", "me", "a" * 31, "аda", "ada\n", "a\u200bda", ""])  # noqa: RUF001 — a Cyrillic letter.
async def test_a_malformed_name_is_refused(
    client: httpx.AsyncClient, resources: Resources, name: str
) -> None:
    tokens = await logged_in(client, resources)
    assert_problem(await change(client, tokens, name), 422)
    assert (await log_in(client)).status_code == 200
