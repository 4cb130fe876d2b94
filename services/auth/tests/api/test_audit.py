"""What is done to accounts is told to their owners and to admins, and costs a login nothing."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from auth_service.models import LinkPurpose
from auth_service.resources import Resources
from auth_service.worker import chain_audit
from common.clock import utc_now
from common.testing.conformance import assert_problem
from services.auth.tests.api.test_administration import PATH as ACCOUNTS
from services.auth.tests.api.test_administration import id_of, staff
from services.auth.tests.factories import (
    PASSWORD,
    headers_of,
    issued_key,
    log_in,
    logged_in,
    mailed_code,
    mailed_token,
    refresh,
    statements,
    wrong,
)

OWN = "/api/v1/auth/audit"
ALL = "/api/v1/auth/admin/audit"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
NEW = "nine herons over a still weir"


async def own(client: httpx.AsyncClient, headers: dict[str, str], **query: Any) -> Any:
    answer = await client.get(OWN, params=query, headers=headers)
    assert answer.status_code == 200
    return answer.json()["items"]


async def listed(client: httpx.AsyncClient, headers: dict[str, str], **query: Any) -> Any:
    answer = await client.get(ALL, params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def said(client: httpx.AsyncClient, headers: dict[str, str]) -> list[tuple[str, str]]:
    """What an owner reads, the oldest first: what was done, and by whom."""
    return [(each["action"], each["by"]) for each in reversed(await own(client, headers))]


async def post(client: httpx.AsyncClient, path: str, headers: Any = None, **body: Any) -> int:
    answer = await client.post(f"/api/v1/auth{path}", json=body, headers=headers)
    return answer.status_code


async def test_the_owner_reads_where_logins_come_from(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    client.headers.update({"User-Agent": FIREFOX, "X-Forwarded-For": "203.0.113.77"})
    assert (await log_in(client, password="not the password at all")).status_code == 401
    headers = headers_of((await log_in(client)).json())
    newest, refused, _ = await own(client, headers)
    assert (newest["action"], newest["by"], newest["details"]) == ("login", "you", {})
    for entry in (newest, refused):
        assert (entry["device"], entry["network"]) == ("Firefox on Linux", "203.0.113.0/24")
    assert (refused["action"], refused["by"]) == ("login_refused", "somebody")
    assert refused["details"] == {"code": "auth.credentials_invalid"}


async def test_every_change_of_what_one_logs_in_with_is_kept(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    headers = headers_of(await logged_in(client, resources))
    wrong = {"current_password": "no", "new_password": NEW}
    assert await post(client, "/change-password", headers, **wrong) == 403
    assert await post(client, "/change-username", headers, username="lovelace") == 204
    change = {"email": "ada@example.org", "password": PASSWORD}
    assert await post(client, "/change-email", headers, **change) == 202
    token = await mailed_token(resources, LinkPurpose.CHANGE_EMAIL)
    assert await post(client, "/confirm-email", token=token) == 204
    right = {"current_password": PASSWORD, "new_password": NEW}
    assert await post(client, "/change-password", headers, **right) == 204
    assert await post(client, "/forgot-password", email="ada@example.org") == 202
    token = await mailed_token(resources, LinkPurpose.RESET_PASSWORD)
    assert await post(client, "/reset-password", token=token, password=PASSWORD) == 204
    login = {"email": "ada@example.org", "password": PASSWORD}
    tokens = (await client.post("/api/v1/auth/login", json=login)).json()
    assert await post(client, "/logout", refresh_token=tokens["refresh_token"]) == 204
    assert await said(client, headers_of(tokens)) == [
        (action, "you")
        for action in (
            "login",
            "password_refused",
            "username_changed",
            "email_changed",
            "password_changed",
            "password_reset",
            "login",
            "logout",
        )
    ]


async def test_proofs_are_kept_and_so_is_what_proves_nothing(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    asked = await client.post("/api/v1/auth/email-login", json={"email": "ada@example.com"})
    proof = {"nonce": asked.json()["nonce"], "code": await mailed_code(resources)}
    guess = proof | {"code": wrong(proof["code"])}
    assert await post(client, "/email-login/code", **guess) == 422
    answer = await client.post("/api/v1/auth/email-login/code", json=proof)
    headers = headers_of(answer.json())
    assert await post(client, "/reauthenticate", headers, password="no") == 403
    assert await post(client, "/reauthenticate", headers, password=PASSWORD) == 200
    kept = [(each["action"], each["by"], each["details"]) for each in await own(client, headers)]
    assert kept == [
        ("reauthenticated", "you", {"method": "pwd"}),
        ("password_refused", "you", {}),
        ("login", "you", {"method": "email"}),
        ("code_refused", "somebody", {"purpose": "log_in"}),
        ("login", "you", {}),
    ]


async def test_what_becomes_of_personal_tokens_is_kept(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    headers = headers_of(tokens)
    first, second, third = [await issued_key(client, tokens) for _ in range(3)]
    path = "/api/v1/auth/keys"
    one = f"{path}/{first['id']}"
    for where, status in ((one, 204), (one, 404), (path, 204), (path, 204)):
        assert (await client.delete(where, headers=headers)).status_code == status
    all_of_them, by_one, *issued = (await own(client, headers))[:-1]
    assert [each["action"] for each in issued] == ["key_issued"] * 3
    assert issued[-1]["details"] == {
        "key_id": first["id"],
        "scopes": first["scopes"],
        "expires_at": first["expires_at"].replace("Z", "+00:00"),
    }
    assert (by_one["action"], by_one["details"]) == ("key_revoked", {"key_ids": [first["id"]]})
    assert {*all_of_them["details"]["key_ids"]} == {second["id"], third["id"]}
    assert {each["by"] for each in (all_of_them, by_one, *issued)} == {"you"}
    left = await issued_key(client, tokens)
    admin = await staff(client, resources, "admin")
    reset = await client.post(f"{ACCOUNTS}/{await id_of(resources)}/force-reset", headers=admin)
    assert reset.status_code == 204
    [newest, *_, oldest] = await listed(client, admin, action="key_revoked")
    assert newest["details"] == {"key_ids": [left["id"]]}
    assert newest["actor_id"] == await id_of(resources, "chief")
    assert oldest["actor_id"] == newest["account_id"]
    named = await listed(client, admin, action="key_issued")
    assert {each["personal"]["name"] for each in named} == {"Nightly build"}
    assert first["token"] not in str(named)


@pytest.mark.requirement("ASVS 8.2.3")
async def test_what_staff_does_is_told_without_where_they_are(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    admin = await staff(client, resources, "admin")
    path = f"{ACCOUNTS}/{await id_of(resources)}"
    for method, end in (
        ("POST", "/disable"),
        ("POST", "/disable"),
        ("POST", "/enable"),
        ("POST", "/logout"),
        ("PUT", "/roles/support"),
        ("PUT", "/roles/support"),
        ("DELETE", "/roles/support"),
    ):
        answer = await client.request(method, path + end, headers=admin)
        assert answer.status_code == 204
    headers = headers_of((await log_in(client)).json())
    entries = (await own(client, headers))[1:-1]
    assert [each["action"] for each in reversed(entries)] == [
        "account_disabled",
        "account_enabled",
        "account_logged_out",
        "role_granted",
        "role_withdrawn",
    ]
    assert {(each["by"], each["network"], each["device"]) for each in entries} == {
        ("staff", None, None)
    }
    root = await id_of(resources, "chief")
    acted = await listed(client, admin, actor=root, account=await id_of(resources))
    assert [each["action"] for each in acted] == [each["action"] for each in entries]
    assert {each["actor_id"] for each in acted} == {root}
    assert acted[0]["details"] == {"role": "support"}


async def test_a_stolen_token_is_kept_though_it_is_refused(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    await refresh(client, tokens)
    async with resources.transaction() as tx:
        await tx.session.execute(
            text("UPDATE refresh_tokens SET used_at = used_at - interval '1 h'")
        )
    assert_problem(await refresh(client, tokens), 401)
    assert (await said(client, headers_of(tokens)))[-1] == ("session_stolen", "somebody")


async def test_a_refused_login_of_nobody_is_kept_like_one_of_somebody(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    executed: dict[str, list[str]] = {}
    for name in ("nobody", "ada"):
        async with statements(resources) as executed[name]:
            await log_in(client, name, "not the password at all")
    assert executed["nobody"] == executed["ada"]
    assert len(executed["ada"]) == 2
    admin = await staff(client, resources, "admin")
    found = await listed(client, admin, action="login_refused")
    assert [each["account_id"] for each in found] == [await id_of(resources), None]
    assert "nobody@" not in str(found)


async def test_entries_are_listed_page_by_page_and_only_to_their_owner(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    headers = headers_of(await logged_in(client, resources))
    for _ in range(4):
        await log_in(client)
    stranger = headers_of(await logged_in(client, resources, "grace"))
    found: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = (await client.get(OWN, params=query, headers=headers)).json()
        found += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert found == sorted(found, reverse=True)
    assert len(set(found)) == 5
    assert len(await own(client, stranger)) == 1


async def test_admins_ask_for_what_was_done_since_a_time(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    admin = await staff(client, resources, "admin")
    entries = await listed(client, admin)
    middle = entries[0]["occurred_at"]
    assert [each["id"] for each in await listed(client, admin, since=middle)] == [entries[0]["id"]]
    tomorrow = (utc_now() + timedelta(days=1)).isoformat()
    assert await listed(client, admin, since=tomorrow) == []
    assert len(await listed(client, admin, since="0001-01-01T00:00:00Z")) == len(entries)
    wrong = ("yesterday", "2026-01-01", "1767225600", "0.5", "1e9")
    for bad in ({"action": "x"}, {"account": "x"}, *({"since": each} for each in wrong)):
        assert_problem(await client.get(ALL, params=bad, headers=admin), 422)


async def test_an_entry_whose_id_is_a_little_older_than_it_is_not_missed(
    client: httpx.AsyncClient, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = await staff(client, resources, "admin")
    later = utc_now() + timedelta(seconds=2)
    monkeypatch.setattr("auth_service.repositories.audit.utc_now", lambda: later)
    await log_in(client, "chief")
    [found] = await listed(client, admin, since=later.isoformat())
    assert found["action"] == "login"


@pytest.mark.parametrize("caller", ["nobody", "user", "moderator", "support", "admin"])
async def test_only_admins_read_the_entries_of_all(
    client: httpx.AsyncClient, resources: Resources, caller: str
) -> None:
    headers = await staff(client, resources, caller)
    status = {"nobody": 401, "admin": 200}.get(caller, 403)
    assert (await client.get(ALL, headers=headers)).status_code == status


async def test_an_entry_tells_its_place_once_it_has_one(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    admin = await staff(client, resources, "admin")
    assert (await listed(client, admin))[0]["position"] is None
    await chain_audit(resources)
    places = [(each["position"], len(each["hash"])) for each in await listed(client, admin)]
    assert places == [(2, 64), (1, 64)]
