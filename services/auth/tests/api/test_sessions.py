"""A session's tokens rotate; parallel tabs stay logged in, a stolen token ends the session."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import text, update

from auth_service import models
from auth_service.resources import Resources
from common.testing.conformance import assert_problem
from common.tokens import UserTokens
from services.auth.tests.factories import account, logged_in


async def refresh(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post("/api/v1/auth/refresh", json={"refresh_token": token})


async def age_tokens(resources: Resources, by: timedelta) -> None:
    """Make every use and expiry lie further back."""
    row = models.RefreshToken
    async with resources.transaction() as tx:
        await tx.session.execute(
            update(row).values(used_at=row.used_at - by, expires_at=row.expires_at - by)
        )


async def test_the_published_keys_verify_an_access_token(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 600
    keys = (await client.get("/.well-known/jwks.json")).json()
    assert "d" not in keys["keys"][0]
    verifier = UserTokens(resources.settings.token_issuer, resources.settings.token_audience)
    verifier.use_keys(keys)
    user = verifier.verify(tokens["access_token"])
    stored = await account(resources)
    assert stored is not None
    assert (user.id, user.username) == (stored.id, "ada")


async def test_a_refresh_token_is_exchanged_for_another(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    first = await logged_in(client, resources)
    second = (await refresh(client, first["refresh_token"])).json()
    third = (await refresh(client, second["refresh_token"])).json()
    assert len({t["refresh_token"] for t in (first, second, third)}) == 3


async def test_parallel_tabs_get_the_same_successor(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    answers = await asyncio.gather(*(refresh(client, tokens["refresh_token"]) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    successors = {answer.json()["refresh_token"] for answer in answers}
    assert len(successors) == 1
    assert (await refresh(client, successors.pop())).status_code == 200


async def test_a_token_that_comes_back_after_its_grace_ends_the_session(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    stolen = (await logged_in(client, resources))["refresh_token"]
    successor = (await refresh(client, stolen)).json()["refresh_token"]
    await age_tokens(resources, timedelta(seconds=11))
    assert_problem(await refresh(client, stolen), 401)
    assert_problem(await refresh(client, successor), 401)


async def test_an_expired_token_is_refused(client: httpx.AsyncClient, resources: Resources) -> None:
    tokens = await logged_in(client, resources)
    await age_tokens(resources, timedelta(days=31))
    problem = assert_problem(await refresh(client, tokens["refresh_token"]), 401)
    assert problem["code"] == "auth.refresh_token_invalid"


async def test_logout_ends_the_session_and_can_be_repeated(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    body = {"refresh_token": (await logged_in(client, resources))["refresh_token"]}
    for _ in range(2):
        assert (await client.post("/api/v1/auth/logout", json=body)).status_code == 204
    assert_problem(await refresh(client, body["refresh_token"]), 401)


async def test_only_hashes_of_refresh_tokens_are_stored(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    token = (await logged_in(client, resources))["refresh_token"]
    async with resources.platform.database.reads() as connection:
        rows: Any = await connection.execute(text("SELECT t::text FROM refresh_tokens t"))
        assert token not in str(rows.all())
