"""A session's tokens rotate; parallel tabs stay logged in, a stolen token ends the session."""

import asyncio
from base64 import urlsafe_b64decode
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text, update

from auth_service import models
from auth_service.resources import Resources
from common.revocations import Watch
from common.testing.conformance import assert_problem
from common.tokens import UserTokens
from services.auth.tests.factories import account, events_of, headers_of, log_in, logged_in
from services.auth.tests.factories import refresh as refresh_tokens

REVOKED = "auth.sessions_revoked.v1"
PATH = "/api/v1/auth/sessions"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


async def refresh(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await refresh_tokens(client, {"refresh_token": token})


async def log_out(client: httpx.AsyncClient, tokens: dict[str, Any]) -> httpx.Response:
    body = {"refresh_token": tokens["refresh_token"]}
    return await client.post("/api/v1/auth/logout", json=body)


async def listed(client: httpx.AsyncClient, tokens: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await client.get(PATH, headers=headers_of(tokens))
    assert answer.status_code == 200
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def current(client: httpx.AsyncClient, tokens: dict[str, Any]) -> str:
    """The id of a session."""
    [found] = [item["id"] for item in await listed(client, tokens) if item["current"]]
    return str(found)


async def age_tokens(resources: Resources, by: timedelta) -> None:
    """Make every use and expiry lie further back."""
    row, session = models.RefreshToken, models.Session
    async with resources.transaction() as tx:
        await tx.session.execute(
            update(row).values(used_at=row.used_at - by, expires_at=row.expires_at - by)
        )
        await tx.session.execute(update(session).values(last_used_at=session.last_used_at - by))


@pytest.mark.requirement("ASVS 9.2.4")
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


@pytest.mark.requirement("ASVS 7.2.2", "RFC 9700 2.2.2")
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


@pytest.mark.requirement("RFC 9700 2.2.2", "RFC 9700 4.14")
async def test_a_token_that_comes_back_after_its_grace_ends_the_session(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    stolen = tokens["refresh_token"]
    successor = (await refresh(client, stolen)).json()["refresh_token"]
    session_id = await current(client, tokens)
    await age_tokens(resources, timedelta(seconds=11))
    assert_problem(await refresh(client, stolen), 401)
    assert_problem(await refresh(client, successor), 401)
    assert_problem(await refresh(client, stolen), 401)
    [told] = await events_of(resources, "auth.session_stolen.v1")
    assert (told["email"], told["device"]) == ("ada@example.com", "python-httpx")
    [revoked] = await events_of(resources, REVOKED)
    assert revoked["session_ids"] == [session_id]


@pytest.mark.requirement("ASVS 7.3.1", "RFC 9700 4.14")
async def test_an_expired_token_is_refused(client: httpx.AsyncClient, resources: Resources) -> None:
    tokens = await logged_in(client, resources)
    await age_tokens(resources, timedelta(days=31))
    problem = assert_problem(await refresh(client, tokens["refresh_token"]), 401)
    assert problem["code"] == "auth.refresh_token_invalid"
    assert await listed(client, tokens) == []


@pytest.mark.requirement("ASVS 7.3.2", "NIST 800-63B-4 2.1.3", "NIST 800-63B-4 5.2")
async def test_a_session_ends_however_often_it_is_refreshed(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    async with resources.transaction() as tx:
        await tx.session.execute(text("UPDATE sessions SET created_at = now() - interval '91 d'"))
    problem = assert_problem(await refresh(client, tokens["refresh_token"]), 401)
    assert problem["code"] == "auth.refresh_token_invalid"
    assert await listed(client, tokens) == []


@pytest.mark.requirement("ASVS 7.4.1")
async def test_logout_ends_the_session_and_can_be_repeated(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    session_id = await current(client, tokens)
    for _ in range(2):
        assert (await log_out(client, tokens)).status_code == 204
    assert_problem(await refresh(client, tokens["refresh_token"]), 401)
    [revoked] = await events_of(resources, REVOKED)
    assert revoked["session_ids"] == [session_id]


@pytest.mark.requirement("ASVS 7.2.3", "ASVS 11.5.1", "NIST 800-63B-4 5.1")
async def test_refresh_tokens_have_256_bits_and_none_comes_twice(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = [(await logged_in(client, resources))["refresh_token"]]
    for _ in range(5):
        tokens.append((await log_in(client)).json()["refresh_token"])
        tokens.append((await refresh(client, tokens[-1])).json()["refresh_token"])
    assert {len(urlsafe_b64decode(f"{token}=")) for token in tokens} == {32}
    assert len(set(tokens)) == len(tokens)


async def test_only_hashes_of_refresh_tokens_are_stored(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    token = (await logged_in(client, resources))["refresh_token"]
    async with resources.platform.database.reads() as connection:
        rows: Any = await connection.execute(text("SELECT t::text FROM refresh_tokens t"))
        assert token not in str(rows.all())


@pytest.mark.requirement("ASVS 7.5.2")
async def test_open_sessions_tell_device_network_and_times(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    first = await logged_in(client, resources)
    client.headers.update({"User-Agent": FIREFOX, "X-Forwarded-For": "203.0.113.77"})
    second = (await log_in(client)).json()
    newest, oldest = await listed(client, second)
    assert (newest["device"], newest["network"]) == ("Firefox on Linux", "203.0.113.0/24")
    assert (newest["current"], oldest["current"]) == (True, False)
    assert oldest["device"].startswith("python-httpx")
    assert newest["created_at"] == newest["last_used_at"]
    client.headers.update({"User-Agent": "curl/8.14.1", "X-Forwarded-For": "2001:db8:1:2::3"})
    await refresh(client, first["refresh_token"])
    _, oldest = await listed(client, second)
    assert (oldest["device"], oldest["network"]) == ("curl", "2001:db8:1::/48")
    assert oldest["last_used_at"] > oldest["created_at"]


async def test_sessions_are_listed_page_by_page_and_only_to_their_owner(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    stranger = await logged_in(client, resources, "grace")
    for _ in range(4):
        await log_in(client)
    params: dict[str, Any] = {"limit": 2}
    found: list[str] = []
    while True:
        answer = await client.get(PATH, params=params, headers=headers_of(tokens))
        found += [item["id"] for item in answer.json()["items"]]
        if answer.json()["next_cursor"] is None:
            break
        params["cursor"] = answer.json()["next_cursor"]
    assert found == sorted(found, reverse=True)
    assert len(set(found)) == 5
    assert len(await listed(client, stranger)) == 1


@pytest.mark.requirement("ASVS 7.5.2")
async def test_one_session_is_ended_by_another_of_its_owner(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    lost = await logged_in(client, resources)
    own = (await log_in(client)).json()
    lost_id = await current(client, lost)
    path = f"{PATH}/{lost_id}"
    answers = await asyncio.gather(
        *(client.delete(path, headers=headers_of(own)) for _ in range(50))
    )
    assert sorted(answer.status_code for answer in answers) == [204] + [404] * 49
    [revoked] = await events_of(resources, REVOKED)
    assert revoked["session_ids"] == [lost_id]
    assert_problem(await refresh(client, lost["refresh_token"]), 401)
    await Watch(resources.platform).turn()
    problem = assert_problem(await client.get(PATH, headers=headers_of(lost)), 401)
    assert problem["code"] == "common.invalid_token"
    assert len(await listed(client, own)) == 1


@pytest.mark.requirement("ASVS 8.2.2")
async def test_nobody_ends_the_session_of_another(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    stranger = await logged_in(client, resources, "grace")
    for session_id in (await current(client, tokens), str(uuid4())):
        answer = await client.delete(f"{PATH}/{session_id}", headers=headers_of(stranger))
        assert assert_problem(answer, 404)["code"] == "auth.session_not_found"
    assert_problem(await client.delete(f"{PATH}/x", headers=headers_of(stranger)), 422)
    assert (await refresh(client, tokens["refresh_token"])).status_code == 200
    assert await events_of(resources, REVOKED) == []


async def test_all_other_sessions_are_ended_at_once(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    others = [await logged_in(client, resources)]
    others += [(await log_in(client)).json() for _ in range(3)]
    stranger = await logged_in(client, resources, "grace")
    own = (await log_in(client)).json()
    ids = {await current(client, each) for each in others}
    answer = await client.delete(PATH, headers=headers_of(own))
    assert answer.status_code == 204
    for each in others:
        assert_problem(await refresh(client, each["refresh_token"]), 401)
    for each in (own, stranger):
        assert (await refresh(client, each["refresh_token"])).status_code == 200
    [revoked] = await events_of(resources, REVOKED)
    assert set(revoked["session_ids"]) == ids
    assert (await client.delete(PATH, headers=headers_of(own))).status_code == 204
    assert len(await events_of(resources, REVOKED)) == 1


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_session_that_has_ended_sees_and_ends_nothing(
    client: httpx.AsyncClient, resources: Resources, method: str
) -> None:
    tokens = await logged_in(client, resources)
    await log_out(client, tokens)
    if method == "GET":
        await Watch(resources.platform).turn()
    answer = await client.request(method, PATH, headers=headers_of(tokens))
    assert assert_problem(answer, 401)["code"] == "common.invalid_token"


@pytest.mark.requirement("ASVS 7.4.1")
async def test_tokens_of_ended_sessions_are_refused_after_a_turn_of_the_watch(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    session_id = UUID(await current(client, tokens))
    await log_out(client, tokens)
    await Watch(resources.platform).turn()
    answer = await client.post(
        "/api/v1/auth/change-password",
        json={"current_password": "x", "new_password": "y"},
        headers=headers_of(tokens),
    )
    assert assert_problem(answer, 401)["code"] == "common.invalid_token"
    async with resources.transaction() as tx:
        stored = await tx.session.get_one(models.RevokedSession, session_id)
    [revoked] = await events_of(resources, REVOKED)
    assert revoked["expires_at"] == stored.expires_at.isoformat().replace("+00:00", "Z")
