"""Staff sees what somebody sees: for minutes, marked everywhere, and with no power of its own."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import update

from auth_service.models import Account, Role
from auth_service.resources import Resources
from common.clock import utc_now
from common.http.dependencies import USER_SCHEME
from common.revocations import Watch
from common.testing.conformance import assert_problem
from common.testing.keys import bearer
from common.testing.operations import public_operations
from services.auth.tests.api.test_administration import CALLERS, PATH, id_of, speaks_for, staff
from services.auth.tests.factories import account, headers_of, log_in, logged_in, register

SESSIONS = "/api/v1/auth/sessions"
REASON = {"reason": "ticket 4711"}


async def impersonate(
    client: httpx.AsyncClient, headers: dict[str, str], account_id: str, **body: Any
) -> httpx.Response:
    path = f"{PATH}/{account_id}/impersonate"
    return await client.post(path, json=REASON | body, headers=headers)


async def impersonated(
    client: httpx.AsyncClient, resources: Resources, role: str = "support"
) -> dict[str, Any]:
    """What a helper named root gets for the account of ada."""
    await logged_in(client, resources)
    headers = await staff(client, resources, role)
    answer = await impersonate(client, headers, await id_of(resources))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def change(resources: Resources, name: str = "ada", **values: Any) -> None:
    async with resources.transaction() as tx:
        own = update(Account).where(Account.username == name)
        await tx.session.execute(own.values(**values))


@pytest.mark.parametrize("role", ["support", "admin"])
async def test_a_helper_gets_a_short_token_that_names_them_and_has_no_role(
    client: httpx.AsyncClient, resources: Resources, role: str
) -> None:
    opened = await impersonated(client, resources, role)
    user = await speaks_for(client, resources, opened)
    assert (str(user.id), user.username) == (await id_of(resources), "ada")
    assert str(user.impersonator) == await id_of(resources, "chief")
    assert (user.roles, user.scope) == (frozenset(), frozenset())
    assert str(user.sid) == opened["session_id"]
    assert 0 < opened["expires_in"] <= 900
    assert "refresh_token" not in opened


async def test_the_owner_sees_it_in_the_audit_and_may_end_it(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    opened = await impersonated(client, resources)
    headers = headers_of((await log_in(client)).json())
    _, entry, _ = (await client.get("/api/v1/auth/audit", headers=headers)).json()["items"]
    assert (entry["action"], entry["by"]) == ("impersonation_started", "staff")
    assert entry["details"] == {"session_id": opened["session_id"]}
    sessions = (await client.get(SESSIONS, headers=headers)).json()["items"]
    assert [each["id"] for each in sessions if each["impersonated"]] == [opened["session_id"]]
    ended = await client.delete(f"{SESSIONS}/{opened['session_id']}", headers=headers)
    assert ended.status_code == 204
    await Watch(resources.platform).turn()
    assert_problem(await client.get(SESSIONS, headers=headers_of(opened)), 401)


async def test_admins_read_who_it_was_and_why(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await impersonated(client, resources)
    admin = await staff(client, resources, "admin", "captain")
    query = {"action": "impersonation_started"}
    answer = await client.get("/api/v1/auth/admin/audit", params=query, headers=admin)
    [entry] = answer.json()["items"]
    assert entry["actor_id"] == await id_of(resources, "chief")
    assert entry["account_id"] == await id_of(resources)
    assert entry["personal"]["reason"] == "ticket 4711"


async def test_its_token_changes_nothing_here_and_opens_no_route_of_staff(
    app: FastAPI, client: httpx.AsyncClient, resources: Resources
) -> None:
    opened = await impersonated(client, resources)
    refused = []
    for operation in public_operations(app):
        if operation.needs(USER_SCHEME) and (
            operation.method != "GET" or "/admin/" in operation.template
        ):
            path = operation.path(str(uuid4()))
            answer = await client.request(operation.method, path, headers=headers_of(opened))
            assert assert_problem(answer, 403)["code"] == "auth.impersonated", operation.name
            refused.append(operation.name)
    credentials = {
        "change_password",
        "change_email",
        "change_username",
        "create_key",
        "end_session",
    }
    assert credentials <= {*refused}
    assert {"impersonate_account", "grant_role", "list_audit", "list_accounts"} <= {*refused}
    assert (await client.get(SESSIONS, headers=headers_of(opened))).status_code == 200


async def test_its_token_has_no_role_even_if_the_account_had_one(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    owner = await account(resources)
    assert owner is not None
    owner.roles = ["admin"]
    given: Any = {"session_id": uuid4(), "auth_time": utc_now(), "now": utc_now()}
    for impersonator_id, roles in ((uuid4(), set()), (None, {"admin"})):
        token = resources.sessions.signer.sign(
            owner, **given, amr=["pwd"], impersonator_id=impersonator_id
        )
        user = await speaks_for(client, resources, {"access_token": token})
        assert user.roles == roles
        assert bool(user.scope) is bool(roles)


@pytest.mark.parametrize("role", Role)
async def test_nobody_with_a_role_is_impersonated(
    client: httpx.AsyncClient, resources: Resources, role: Role
) -> None:
    await staff(client, resources, role, "colleague")
    headers = await staff(client, resources, "admin")
    answer = await impersonate(client, headers, await id_of(resources, "colleague"))
    assert assert_problem(answer, 403)["code"] == "auth.staff_not_impersonated"


@pytest.mark.parametrize("caller", CALLERS)
async def test_only_those_with_the_scope_impersonate(
    client: httpx.AsyncClient, resources: Resources, caller: str
) -> None:
    await logged_in(client, resources)
    headers = await staff(client, resources, caller)
    status = {"nobody": 401, "support": 200, "admin": 200}.get(caller, 403)
    assert (await impersonate(client, headers, await id_of(resources))).status_code == status


async def test_whom_nobody_can_be_is_refused(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    headers = await staff(client, resources, "support")
    await register(client, "unverified")
    await logged_in(client, resources)
    await change(resources, disabled_at=Account.created_at)
    for account_id, status, code in (
        (await id_of(resources, "chief"), 409, "auth.own_account"),
        (await id_of(resources, "unverified"), 403, "auth.email_not_verified"),
        (await id_of(resources), 403, "auth.account_disabled"),
        (str(uuid4()), 404, "auth.account_not_found"),
    ):
        problem = assert_problem(await impersonate(client, headers, account_id), status)
        assert problem["code"] == code


@pytest.mark.parametrize("reason", ["", "  ", None, 7, "x" * 501])
async def test_a_reason_is_required(
    client: httpx.AsyncClient, resources: Resources, reason: Any
) -> None:
    await logged_in(client, resources)
    headers = await staff(client, resources, "support")
    target = await id_of(resources)
    assert_problem(await impersonate(client, headers, target, reason=reason), 422)
    assert_problem(await client.post(f"{PATH}/{target}/impersonate", headers=headers), 422)


async def test_a_helper_who_lost_the_right_a_moment_ago_is_refused(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    headers = await staff(client, resources, "support")
    await change(resources, "chief", roles=[])
    answer = await impersonate(client, headers, await id_of(resources))
    assert assert_problem(answer, 403)["code"] == "common.forbidden"


@pytest.mark.parametrize(
    ("name", "method", "end"),
    [
        ("ada", "POST", "/disable"),
        ("ada", "POST", "/logout"),
        ("chief", "POST", "/disable"),
        ("chief", "POST", "/logout"),
        ("chief", "DELETE", "/roles/support"),
    ],
)
async def test_it_ends_with_the_sessions_of_either(
    client: httpx.AsyncClient, resources: Resources, name: str, method: str, end: str
) -> None:
    token = bearer((await impersonated(client, resources))["access_token"])
    assert (await client.get(SESSIONS, headers=token)).status_code == 200
    admin = await staff(client, resources, "admin", "captain")
    path = f"{PATH}/{await id_of(resources, name)}{end}"
    assert (await client.request(method, path, headers=admin)).status_code == 204
    await Watch(resources.platform).turn()
    assert_problem(await client.get(SESSIONS, headers=token), 401)
