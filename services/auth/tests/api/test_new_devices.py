"""Who has logged in before is told by mail of a login from a device or a network never seen."""

from typing import Any

import httpx
import pytest
from sqlalchemy import text

from auth_service.resources import Resources
from services.auth.tests.api.test_administration import id_of, staff
from services.auth.tests.api.test_impersonation import impersonate
from services.auth.tests.factories import (
    events_of,
    log_in,
    logged_in,
    mailed_code,
    refresh,
)

TOLD = "auth.new_device_logged_in.v1"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
NEWER = "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Version/18.5 Safari/604.1"
HOME, NEIGHBOUR, ABROAD = "203.0.113.77", "203.0.113.12", "198.51.100.9"


def be(client: httpx.AsyncClient, agent: str, address: str) -> None:
    client.headers.update({"User-Agent": agent, "X-Forwarded-For": address})


async def enter(client: httpx.AsyncClient, agent: str, address: str) -> dict[str, Any]:
    be(client, agent, address)
    answer = await log_in(client)
    assert answer.status_code == 200
    tokens: dict[str, Any] = answer.json()
    return tokens


async def told(resources: Resources) -> list[tuple[str, str | None]]:
    """Device and network of every mail that was asked for."""
    return [(each["device"], each["network"]) for each in await events_of(resources, TOLD)]


@pytest.fixture
async def at_home(client: httpx.AsyncClient, resources: Resources) -> dict[str, Any]:
    """The tokens of ada's first session."""
    be(client, FIREFOX, HOME)
    return await logged_in(client, resources)


async def test_the_first_login_and_those_like_it_are_no_news(
    client: httpx.AsyncClient, resources: Resources, at_home: dict[str, Any]
) -> None:
    for agent, address in ((FIREFOX, HOME), (NEWER, NEIGHBOUR)):
        await enter(client, agent, address)
    assert await told(resources) == []


@pytest.mark.parametrize(
    ("agent", "address", "said"),
    [
        (PHONE, HOME, ("Safari on iPhone", "203.0.113.0/24")),
        (FIREFOX, ABROAD, ("Firefox on Linux", "198.51.100.0/24")),
        ("", "garbage", ("Unknown device", "127.0.0.0/24")),
    ],
)
async def test_a_strange_device_or_network_is_told_once(
    client: httpx.AsyncClient,
    resources: Resources,
    at_home: dict[str, Any],
    *,
    agent: str,
    address: str,
    said: tuple[str, str],
) -> None:
    for _ in range(2):
        await enter(client, agent, address)
    assert await told(resources) == [said]
    [event] = await events_of(resources, TOLD)
    assert (event["email"], event["username"]) == ("ada@example.com", "ada")


async def test_a_login_that_is_refused_makes_nothing_known(
    client: httpx.AsyncClient, resources: Resources, at_home: dict[str, Any]
) -> None:
    be(client, PHONE, ABROAD)
    assert (await log_in(client, password="not the password at all")).status_code == 401
    assert await told(resources) == []
    await enter(client, PHONE, ABROAD)
    assert await told(resources) == [("Safari on iPhone", "198.51.100.0/24")]


async def test_what_a_session_has_moved_to_is_known(
    client: httpx.AsyncClient, resources: Resources, at_home: dict[str, Any]
) -> None:
    be(client, PHONE, ABROAD)
    assert (await refresh(client, at_home)).status_code == 200
    await enter(client, PHONE, ABROAD)
    assert await told(resources) == []


async def test_sessions_that_have_ended_count_and_those_of_others_do_not(
    client: httpx.AsyncClient, resources: Resources, at_home: dict[str, Any]
) -> None:
    be(client, PHONE, ABROAD)
    await logged_in(client, resources, "grace")
    body = {"refresh_token": at_home["refresh_token"]}
    await client.post("/api/v1/auth/logout", json=body)
    await enter(client, FIREFOX, HOME)
    assert await told(resources) == []
    await enter(client, PHONE, ABROAD)
    assert len(await told(resources)) == 1


async def test_whoever_acted_for_the_owner_is_not_the_owner(
    client: httpx.AsyncClient, resources: Resources, at_home: dict[str, Any]
) -> None:
    helper = await staff(client, resources, "support")
    be(client, PHONE, ABROAD)
    assert (await impersonate(client, helper, await id_of(resources))).status_code == 200
    async with resources.transaction() as tx:
        # As if it had been noted where that session came from.
        same = "UPDATE sessions SET device = 'Safari on iPhone', network = '198.51.100.0/24'"
        await tx.session.execute(text(f"{same} WHERE impersonator_id IS NOT NULL"))
    await enter(client, PHONE, ABROAD)
    assert await told(resources) == [("Safari on iPhone", "198.51.100.0/24")]


async def test_a_login_by_mail_is_told_like_one_by_password(
    client: httpx.AsyncClient, resources: Resources, at_home: dict[str, Any]
) -> None:
    be(client, PHONE, HOME)
    for _ in range(2):
        asked = await client.post("/api/v1/auth/email-login", json={"email": "ada@example.com"})
        proof = {"nonce": asked.json()["nonce"], "code": await mailed_code(resources)}
        answer = await client.post("/api/v1/auth/email-login/code", json=proof)
        assert answer.status_code == 200
    assert await told(resources) == [("Safari on iPhone", "203.0.113.0/24")]


async def test_sessions_from_before_devices_had_names_are_known_by_their_user_agent(
    client: httpx.AsyncClient, resources: Resources, at_home: dict[str, Any]
) -> None:
    async with resources.transaction() as tx:
        await tx.session.execute(text("UPDATE sessions SET device = ''"))
    await enter(client, FIREFOX, HOME)
    assert await told(resources) == []
