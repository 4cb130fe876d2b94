"""What the platform's people may do to accounts, and nobody else; it counts at once."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import update

from auth_service.models import Account, LinkPurpose, Role
from auth_service.resources import Resources
from common.testing.conformance import assert_problem
from common.tokens import User, UserTokens
from services.auth.tests.factories import (
    account,
    events_of,
    headers_of,
    log_in,
    logged_in,
    mailed_token,
    refresh,
)

PATH = "/api/v1/auth/admin/accounts"
REVOKED = "auth.sessions_revoked.v1"
CALLERS = ("nobody", "user", "moderator", "support", "admin")
# Which of the callers may use a route, by method and the end of its path.
ALLOWED = {
    ("GET", ""): {"support", "admin"},
    ("GET", "/{id}"): {"support", "admin"},
    ("POST", "/{id}/logout"): {"support", "admin"},
    ("POST", "/{id}/disable"): {"admin"},
    ("POST", "/{id}/enable"): {"admin"},
    ("POST", "/{id}/force-reset"): {"admin"},
    ("PUT", "/{id}/roles/support"): {"admin"},
    ("DELETE", "/{id}/roles/support"): {"admin"},
}


async def staff(
    client: httpx.AsyncClient, resources: Resources, role: str, name: str = "chief"
) -> dict[str, str]:
    """The header of somebody with a role; of nobody, and of a user without one."""
    if role == "nobody":
        return {}
    await logged_in(client, resources, name)
    if role != "user":
        async with resources.transaction() as tx:
            own = update(Account).where(Account.username == name)
            await tx.session.execute(own.values(roles=[role]))
    return headers_of((await log_in(client, name)).json())


async def id_of(resources: Resources, name: str = "ada") -> str:
    stored = await account(resources, name)
    assert stored is not None
    return str(stored.id)


async def speaks_for(client: httpx.AsyncClient, resources: Resources, tokens: Any) -> User:
    verifier = UserTokens(resources.settings.token_issuer, resources.settings.token_audience)
    verifier.use_keys((await client.get("/.well-known/jwks.json")).json())
    return verifier.verify(tokens["access_token"])


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.requirement("ASVS 8.2.1")
async def test_each_route_serves_whom_it_is_for(
    client: httpx.AsyncClient, resources: Resources, caller: str
) -> None:
    await logged_in(client, resources)
    target = await id_of(resources)
    headers = await staff(client, resources, caller)
    for (method, path), allowed in ALLOWED.items():
        answer = await client.request(method, PATH + path.format(id=target), headers=headers)
        if caller in allowed:
            assert answer.status_code in (200, 204), (method, path)
        else:
            problem = assert_problem(answer, 401 if caller == "nobody" else 403)
            code = "unauthenticated" if caller == "nobody" else "forbidden"
            assert problem["code"] == f"common.{code}", (method, path)


async def test_a_token_tells_roles_and_what_they_may_do(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    user = await speaks_for(client, resources, tokens)
    assert (user.roles, user.scope) == (frozenset(), frozenset())
    await staff(client, resources, "support")
    user = await speaks_for(client, resources, (await log_in(client, "chief")).json())
    assert user.roles == {"support"}
    assert user.scope == {"accounts:read", "accounts:logout", "accounts:impersonate"}


async def test_accounts_are_found_by_address_and_by_how_the_username_begins(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    for name in ("ada", "adam", "a_a", "grace"):
        await logged_in(client, resources, name)
    headers = await staff(client, resources, "support")

    async def found(**params: Any) -> list[str]:
        answer = await client.get(PATH, params=params, headers=headers)
        return [item["username"] for item in answer.json()["items"]]

    assert await found(query="ada") == ["ada", "adam"]
    assert await found(query="ADA@example.com") == ["ada"]
    assert await found(query="a_") == ["a_a"]
    for nothing in ("%", "da", "nobody@example.com", "\u202e"):
        assert await found(query=nothing) == []
    first = (await client.get(PATH, params={"limit": 3}, headers=headers)).json()
    rest = await found(cursor=first["next_cursor"])
    assert [item["username"] for item in first["items"]] + rest == [
        "ada",
        "adam",
        "a_a",
        "grace",
        "chief",
    ]
    shown = (await client.get(f"{PATH}/{await id_of(resources)}", headers=headers)).json()
    assert (shown["email"], shown["roles"], shown["disabled_at"]) == ("ada@example.com", [], None)
    assert "password" not in str(shown)


@pytest.mark.requirement("ASVS 7.4.2", "NIST 800-63B-4 4.5")
async def test_nobody_logs_in_to_a_disabled_account_until_it_is_enabled(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    headers = await staff(client, resources, "admin")
    path = f"{PATH}/{await id_of(resources)}"
    before = len(await events_of(resources, REVOKED))
    answers = await asyncio.gather(
        *(client.post(f"{path}/disable", headers=headers) for _ in range(50))
    )
    assert {answer.status_code for answer in answers} == {204}
    assert len(await events_of(resources, REVOKED)) == before + 1
    assert_problem(await refresh(client, tokens), 401)
    assert assert_problem(await log_in(client), 403)["code"] == "auth.account_disabled"
    assert_problem(await log_in(client, password="not the password at all"), 401)
    await client.post("/api/v1/auth/forgot-password", json={"email": "ada@example.com"})
    with pytest.raises(IndexError):
        await mailed_token(resources, LinkPurpose.RESET_PASSWORD)
    assert (await client.post(f"{path}/enable", headers=headers)).status_code == 204
    assert (await log_in(client)).status_code == 200
    assert_problem(await refresh(client, tokens), 401)


@pytest.mark.requirement("ASVS 7.4.5")
async def test_a_forced_logout_ends_every_session(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    sessions = [await logged_in(client, resources), (await log_in(client)).json()]
    headers = await staff(client, resources, "support")
    path = f"{PATH}/{await id_of(resources)}/logout"
    assert (await client.post(path, headers=headers)).status_code == 204
    for tokens in sessions:
        assert_problem(await refresh(client, tokens), 401)
    [revoked] = await events_of(resources, REVOKED)
    assert len(revoked["session_ids"]) == 2
    assert (await log_in(client)).status_code == 200


async def test_a_forced_reset_leaves_the_mail_as_the_only_way_in(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    headers = await staff(client, resources, "admin")
    path = f"{PATH}/{await id_of(resources)}/force-reset"
    assert (await client.post(path, headers=headers)).status_code == 204
    assert_problem(await refresh(client, tokens), 401)
    assert_problem(await log_in(client), 401)
    new = "nine herons over a still weir"
    token = await mailed_token(resources, LinkPurpose.RESET_PASSWORD)
    body = {"token": token, "password": new}
    assert (await client.post("/api/v1/auth/reset-password", json=body)).status_code == 204
    assert (await log_in(client, password=new)).status_code == 200


async def test_a_role_is_granted_and_withdrawn_with_the_sessions_that_lack_or_have_it(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    headers = await staff(client, resources, "admin")
    path = f"{PATH}/{await id_of(resources)}/roles/moderator"
    for method, roles in (("PUT", {"moderator"}), ("DELETE", set())):
        answers = [await client.request(method, path, headers=headers) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [204, 204]
        assert_problem(await refresh(client, tokens), 401)
        tokens = (await log_in(client)).json()
        assert (await speaks_for(client, resources, tokens)).roles == roles
    assert len(await events_of(resources, REVOKED)) == 2


async def test_nobody_changes_their_own_account(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    headers = await staff(client, resources, "admin")
    own = await id_of(resources, "chief")
    for method, path in ALLOWED:
        if method != "GET":
            answer = await client.request(method, PATH + path.format(id=own), headers=headers)
            assert assert_problem(answer, 409)["code"] == "auth.own_account"


async def test_support_does_nothing_to_people_with_roles(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await staff(client, resources, "admin")
    headers = await staff(client, resources, "support", "helper")
    path = f"{PATH}/{await id_of(resources, 'chief')}/logout"
    problem = assert_problem(await client.post(path, headers=headers), 403)
    assert problem["code"] == "auth.staff_protected"


async def test_what_is_not_there_is_not_found(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    headers = await staff(client, resources, "admin")
    for method, path in ALLOWED:
        if path:
            answer = await client.request(method, PATH + path.format(id=uuid4()), headers=headers)
            assert assert_problem(answer, 404)["code"] == "auth.account_not_found"
    known = f"{PATH}/{await id_of(resources, 'chief')}"
    for method, path in (("PUT", f"{known}/roles/emperor"), ("POST", f"{PATH}/x/disable")):
        assert_problem(await client.request(method, path, headers=headers), 422)


def test_every_role_is_a_caller_of_these_tests() -> None:
    assert {*Role} <= {*CALLERS}
