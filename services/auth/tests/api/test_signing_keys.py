"""The published keys, and `colonnade auth …` for them, against the real service."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from auth_service.resources import Resources, read_signing_keys
from auth_service.worker import keep_signing_keys
from common.http.client import PeerClient
from common.jwks import PATH
from common.testing.apps import client_of
from common.testing.conformance import assert_problem
from common.testing.keys import private_pem, public_pem
from common.tokens import InternalTokens, InvalidToken, UserTokens
from services.auth.tests.api.test_operators import Colonnade, colonnade
from services.auth.tests.factories import headers_of, logged_in, refresh
from services.auth.tests.usecases.test_signing_keys import forget_all

__all__ = ["colonnade"]

JWKS = "/.well-known/jwks.json"
SESSIONS = "/api/v1/auth/sessions"


@pytest_asyncio.fixture(autouse=True)
async def keys_of_before(resources: Resources) -> AsyncIterator[None]:
    """Whatever a test does to the keys of the app, the next one finds those of the start."""
    # The table was emptied, which the app would only notice within a second.
    await read_signing_keys(resources)
    yield
    async with resources.transaction() as tx:
        await forget_all(tx)
    await read_signing_keys(resources)


async def kids(client: httpx.AsyncClient) -> list[str]:
    return [key["kid"] for key in (await client.get(JWKS)).json()["keys"]]


async def test_the_published_keys_are_public_and_cached_shorter_than_they_wait(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get(JWKS)
    assert answer.headers["Cache-Control"] == "public, max-age=60"
    keys = answer.json()["keys"]
    assert len(keys) == 2
    for key in keys:
        assert key.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}
        assert (key["use"], key["alg"]) == ("sig", "ES256")


async def test_services_read_the_same_keys_where_they_are_never_held_up(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    tokens = InternalTokens("notifier", private_pem("notifier"), {"auth": public_pem("auth")})
    async with client_of(app) as other:
        told = await PeerClient("auth", other, tokens).get(PATH)
    assert told == (await client.get(JWKS)).json()


async def test_an_operator_rotates_the_keys(
    client: httpx.AsyncClient,
    resources: Resources,
    colonnade: Colonnade,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = await kids(client)
    assert await colonnade("rotate-keys", "--reason", "to try it") == 0
    assert f"\n{before[1]} signs from " in capsys.readouterr().out
    assert await colonnade("signing-keys") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines[-2:]] == [
        [before[0], "ES256", "active"],
        [before[1], "ES256", "next"],
    ]
    await read_signing_keys(resources)
    assert await kids(client) == before


async def test_an_operator_revokes_a_key_and_sessions_go_on(
    client: httpx.AsyncClient,
    resources: Resources,
    colonnade: Colonnade,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tokens = await logged_in(client, resources)
    assert (await client.get(SESSIONS, headers=headers_of(tokens))).status_code == 200
    leaked, following = await kids(client)
    assert await colonnade("revoke-key", leaked, "--reason", "leaked") == 0
    assert f"Nothing that {leaked} signed is accepted any more." in capsys.readouterr().out
    await read_signing_keys(resources)
    assert_problem(await client.get(SESSIONS, headers=headers_of(tokens)), 401)
    fresh = (await refresh(client, tokens)).json()
    assert (await client.get(SESSIONS, headers=headers_of(fresh))).status_code == 200
    published = await kids(client)
    assert (published[0], len(published)) == (following, 2)
    verifier = UserTokens(resources.settings.token_issuer, resources.settings.token_audience)
    verifier.use_keys((await client.get(JWKS)).json())
    with pytest.raises(InvalidToken):
        verifier.verify(tokens["access_token"])
    assert await colonnade("revoke-key", leaked) == 1
    assert "There is no signing key" in capsys.readouterr().err
    assert await colonnade("audit", "--action", "signing_key_revoked") == 0
    [entry] = capsys.readouterr().out.splitlines()[-1:]
    assert f"kid={leaked}" in entry
    assert "nobody" not in entry


@pytest.mark.parametrize("kid", ["x", "' OR 1=1", "é", "k" * 64])
async def test_no_key_has_an_odd_id(
    colonnade: Colonnade, capsys: pytest.CaptureFixture[str], kid: str
) -> None:
    assert await colonnade("revoke-key", kid) == 1
    assert "There is no signing key" in capsys.readouterr().err


async def test_the_worker_and_the_app_find_what_should_be_done_already(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    before = await kids(client)
    await keep_signing_keys(resources)
    await read_signing_keys(resources)
    assert await kids(client) == before
