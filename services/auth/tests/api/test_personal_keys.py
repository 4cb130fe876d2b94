"""Personal access tokens: issued once, known by their hash, gone when their owner says so."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text, update

from auth_service import models
from auth_service.resources import Resources
from auth_service.worker import forget_keys
from common.clock import utc_now
from common.personal_keys.format import digest_of
from common.revocations import Watch
from common.testing.conformance import assert_problem
from common.testing.keys import bearer, mint_internal_token
from common.testing.statements import remembered
from common.tokens import InvalidToken
from services.auth.tests.factories import (
    account,
    events_of,
    headers_of,
    issue_key,
    issued_key,
    key_body,
    log_in,
    logged_in,
    refresh,
)

PATH = "/api/v1/auth/keys"
INTERNAL = "/internal/personal-keys"
ISSUED = "auth.key_issued.v1"
REVOKED = "auth.key_revoked.v1"
ALL = ["auth:read", "auth:write", "posts:read"]


def service() -> dict[str, str]:
    """What a service sends: made anew, as it counts for a minute."""
    return bearer(mint_internal_token("posts", "auth"))


async def listed(client: httpx.AsyncClient, tokens: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await client.get(PATH, headers=headers_of(tokens))
    assert answer.status_code == 200
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def revoke(client: httpx.AsyncClient, tokens: dict[str, Any], key_id: str) -> httpx.Response:
    return await client.delete(f"{PATH}/{key_id}", headers=headers_of(tokens))


async def speaks(resources: Resources, key: dict[str, Any]) -> bool:
    """Whether auth's own app takes a token, once it has read what was revoked."""
    await Watch(resources.platform).turn()
    try:
        await resources.platform.personal_keys.verify(key["token"])
    except InvalidToken:
        return False
    return True


async def age_keys(resources: Resources, by: timedelta) -> None:
    """Make every token have been issued longer ago."""
    row = models.PersonalKey
    async with resources.transaction() as tx:
        await tx.session.execute(update(row).values(created_at=row.created_at - by))


async def give_roles(resources: Resources, *roles: models.Role, name: str = "ada") -> None:
    email = f"{name}@example.com"
    async with resources.transaction() as tx:
        owner = await tx.accounts.find_by_email(email, lock=True)
        assert owner is not None
        owner.roles = [*roles]


async def test_a_token_is_told_once_and_kept_as_a_hash(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    answer = await issue_key(client, tokens, expires_in_days=30)
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    told = answer.json()
    secret = told.pop("token")
    assert await listed(client, tokens) == [told]
    assert (told["name"], told["last_used_at"]) == ("Nightly build", None)
    assert told["scopes"] == ["posts:read", "posts:write"]
    life = datetime.fromisoformat(told["expires_at"]) - datetime.fromisoformat(told["created_at"])
    assert life == timedelta(days=30)
    kept = [
        text("SELECT t::text FROM personal_keys t"),
        text("SELECT t::text FROM key_copies t"),
        text("SELECT payload::text FROM outbox t WHERE type = 'auth.key_issued.v1'"),
    ]
    async with resources.platform.database.reads() as connection:
        for query in kept:
            row = (await connection.execute(query)).scalar_one()
            assert secret not in row
            assert digest_of(secret).hex() in row


async def test_the_event_tells_hash_scopes_and_expiry(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    key = await issued_key(client, await logged_in(client, resources), scopes=ALL)
    owner = await account(resources)
    assert owner is not None
    [event] = await events_of(resources, ISSUED)
    assert event == {
        "account_id": str(owner.id),
        "key_id": key["id"],
        "token_hash": digest_of(key["token"]).hex(),
        "scopes": ALL,
        "expires_at": key["expires_at"],
        "issued_at": key["created_at"],
        "name": "Nightly build",
        "email": "ada@example.com",
        "username": "ada",
    }


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"scopes": ["accounts:read"]}, 422, "auth.key_scope_refused"),
        ({"scopes": ["posts:read", "strangers:read"]}, 422, "auth.key_scope_refused"),
        ({"scopes": []}, 422, "common.validation_failed"),
        ({"scopes": ["posts:*"]}, 422, "common.validation_failed"),
        ({"scopes": ["posts:read"] * 65}, 422, "common.validation_failed"),
        ({"expires_in_days": 0}, 422, "common.validation_failed"),
        ({"expires_in_days": 366}, 422, "auth.key_expiry_too_far"),
        ({"expires_in_days": 2**62}, 422, "auth.key_expiry_too_far"),
        ({"name": ""}, 422, "common.validation_failed"),
        ({"name": "   "}, 422, "common.validation_failed"),
        ({"name": "x" * 65}, 422, "common.validation_failed"),
        ({"name": "a\r\nBcc: x"}, 422, "common.validation_failed"),
        ({"name": "see evil.example"}, 422, "common.validation_failed"),
        ({"name": "a\u202eb"}, 422, "common.validation_failed"),
        ({"name": "a\u200bb"}, 422, "common.validation_failed"),
        ({"name": "<b>a</b>"}, 422, "common.validation_failed"),
    ],
)
async def test_what_no_token_may_be_is_refused(
    client: httpx.AsyncClient,
    resources: Resources,
    changes: dict[str, Any],
    status: int,
    code: str,
) -> None:
    tokens = await logged_in(client, resources)
    assert assert_problem(await issue_key(client, tokens, **changes), status)["code"] == code
    assert await listed(client, tokens) == []
    assert await events_of(resources, ISSUED) == []


async def test_a_name_may_be_of_any_script(client: httpx.AsyncClient, resources: Resources) -> None:
    tokens = await logged_in(client, resources)
    for name in ("夜间构建", "सौर ऊर्जा", "Cle\u0301", " x_1-2 "):
        assert (await issue_key(client, tokens, name=name)).status_code == 201
    names = [item["name"] for item in await listed(client, tokens)]
    assert names == ["x_1-2", "Clé", "सौर ऊर्जा", "夜间构建"]


async def test_a_token_may_do_what_the_roles_of_its_owner_allow_and_ends_with_them(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    await give_roles(resources, models.Role.SUPPORT)
    able = await issued_key(client, tokens, scopes=["auth:read", "accounts:read"])
    plain = await issued_key(client, tokens)
    path = "/api/v1/auth/admin/accounts"
    assert (await client.get(path, headers=bearer(able["token"]))).status_code == 200
    problem = assert_problem(await client.get(path, headers=bearer(plain["token"])), 403)
    assert problem["code"] == "common.insufficient_scope"

    await logged_in(client, resources, "chief")
    await give_roles(resources, models.Role.ADMIN, name="chief")
    owner = await account(resources)
    assert owner is not None
    answer = await client.delete(
        f"{path}/{owner.id}/roles/support",
        headers=headers_of((await log_in(client, "chief")).json()),
    )
    assert answer.status_code == 204
    assert (await speaks(resources, able), await speaks(resources, plain)) == (False, True)
    [event] = await events_of(resources, REVOKED)
    assert (event["key_id"], event["account_id"]) == (able["id"], str(owner.id))


@pytest.mark.requirement("ASVS 2.3.2")
async def test_an_account_has_so_many_tokens_and_no_more(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    answers = await asyncio.gather(*(issue_key(client, tokens) for _ in range(60)))
    assert sorted(answer.status_code for answer in answers) == [201] * 50 + [409] * 10
    assert len(await events_of(resources, ISSUED)) == 50
    assert (await client.delete(PATH, headers=headers_of(tokens))).status_code == 204
    assert await listed(client, tokens) == []
    # Revoked ones count for a day, so that nobody fills a mailbox and everybody's copies.
    assert assert_problem(await issue_key(client, tokens), 409)["code"] == "auth.too_many_keys"
    await age_keys(resources, timedelta(days=1))
    assert (await issue_key(client, tokens)).status_code == 201


async def test_tokens_are_listed_page_by_page_and_only_to_their_owner(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    stranger = await logged_in(client, resources, "grace")
    issued = [(await issued_key(client, tokens))["id"] for _ in range(5)]
    params: dict[str, Any] = {"limit": 2}
    found: list[str] = []
    while True:
        page = (await client.get(PATH, params=params, headers=headers_of(tokens))).json()
        found += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert found == issued[::-1]
    assert await listed(client, stranger) == []
    answer = await revoke(client, stranger, issued[0])
    assert assert_problem(answer, 404)["code"] == "auth.key_not_found"
    assert await events_of(resources, REVOKED) == []


async def test_a_token_is_revoked_once_by_many(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    key, other = await issued_key(client, tokens), await issued_key(client, tokens)
    assert await speaks(resources, key)
    answers = await asyncio.gather(*(revoke(client, tokens, key["id"]) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [204] + [404] * 49
    [event] = await events_of(resources, REVOKED)
    assert event["key_id"] == key["id"]
    assert (await speaks(resources, key), await speaks(resources, other)) == (False, True)
    assert [item["id"] for item in await listed(client, tokens)] == [other["id"]]
    assert_problem(await revoke(client, tokens, str(uuid4())), 404)
    assert_problem(await revoke(client, tokens, "x"), 422)


async def test_no_token_gets_hold_of_the_account(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    key = await issued_key(client, tokens, scopes=ALL)
    for method, path in (
        ("POST", PATH),
        ("GET", PATH),
        ("DELETE", PATH),
        ("DELETE", f"{PATH}/{key['id']}"),
        ("GET", "/api/v1/auth/sessions"),
        ("DELETE", "/api/v1/auth/sessions"),
        ("DELETE", f"/api/v1/auth/sessions/{uuid4()}"),
        ("POST", "/api/v1/auth/change-password"),
        ("POST", "/api/v1/auth/change-email"),
        ("POST", "/api/v1/auth/change-username"),
    ):
        answer = await client.request(method, path, json={}, headers=bearer(key["token"]))
        assert assert_problem(answer, 403)["code"] == "common.session_required", (method, path)
    assert len(await listed(client, tokens)) == 1


async def test_a_session_that_has_ended_issues_nothing(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    body = {"refresh_token": tokens["refresh_token"]}
    await client.post("/api/v1/auth/logout", json=body)
    problem = assert_problem(await issue_key(client, tokens), 401)
    assert problem["code"] == "common.invalid_token"


async def test_an_expired_token_counts_no_longer_and_is_forgotten(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    key = await issued_key(client, tokens)
    async with resources.transaction() as tx:
        for table in (models.PersonalKey, models.KeyCopy):
            await tx.session.execute(update(table).values(expires_at=utc_now()))
    assert not await speaks(resources, key)
    assert await listed(client, tokens) == []
    assert_problem(await revoke(client, tokens, key["id"]), 404)
    await forget_keys(resources)
    async with resources.transaction() as tx:
        assert await tx.session.get(models.PersonalKey, UUID(key["id"])) is not None
        long_ago = utc_now() - timedelta(days=31)
        await tx.session.execute(update(models.PersonalKey).values(expires_at=long_ago))
    await forget_keys(resources)
    async with resources.transaction() as tx:
        assert await tx.session.get(models.PersonalKey, UUID(key["id"])) is None


async def test_a_new_username_is_the_tokens_too(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    key = await issued_key(client, tokens)
    body = {"username": "ada_lovelace"}
    await client.post("/api/v1/auth/change-username", json=body, headers=headers_of(tokens))
    user = await resources.platform.personal_keys.verify(key["token"])
    assert (user.username, user.by_key) == ("ada_lovelace", True)
    assert user.roles == frozenset()


async def test_services_ask_what_a_token_may_do(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    key = await issued_key(client, tokens)
    path = f"{INTERNAL}/{digest_of(key['token']).hex()}"
    owner = await account(resources)
    assert owner is not None
    assert (await client.get(path, headers=service())).json() == {
        "key_id": key["id"],
        "account_id": str(owner.id),
        "username": "ada",
        "scopes": key["scopes"],
        "expires_at": key["expires_at"],
    }
    await revoke(client, tokens, key["id"])
    for unknown in (path, f"{INTERNAL}/{'0' * 64}"):
        problem = assert_problem(await client.get(unknown, headers=service()), 404)
        assert problem["code"] == "auth.key_not_found"
    for malformed in ("x", "0" * 63, "G" * 64, "A" * 64):
        assert_problem(await client.get(f"{INTERNAL}/{malformed}", headers=service()), 422)


async def test_the_last_use_is_the_latest_that_a_service_tells(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    key, unused = await issued_key(client, tokens), await issued_key(client, tokens)
    now = utc_now().replace(microsecond=0)

    async def tell(*moments: datetime, key_id: str = key["id"]) -> str | None:
        for moment in moments:
            uses = [{"key_id": key_id, "used_at": moment.isoformat()}]
            answer = await client.post(f"{INTERNAL}/uses", json={"uses": uses}, headers=service())
            assert answer.status_code == 204
        found = {item["id"]: item["last_used_at"] for item in await listed(client, tokens)}
        assert found[unused["id"]] is None
        told: str | None = found[key["id"]]
        return told

    first, second = now - timedelta(hours=2), now - timedelta(hours=1)
    assert await tell(second, first) == second.isoformat().replace("+00:00", "Z")
    assert await tell(now, key_id=str(uuid4())) == second.isoformat().replace("+00:00", "Z")
    # A clock that is ahead does not make a use of tomorrow.
    told = await tell(now + timedelta(days=1))
    assert told is not None
    assert datetime.fromisoformat(told) <= datetime.now(UTC)
    body = {"uses": [{"key_id": key["id"], "used_at": now.isoformat()}] * 501}
    assert_problem(await client.post(f"{INTERNAL}/uses", json=body, headers=service()), 422)
    empty = await client.post(f"{INTERNAL}/uses", json={"uses": []}, headers=service())
    assert empty.status_code == 204


async def test_tokens_outlive_the_session_that_issued_them(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    key = await issued_key(client, tokens)
    body = {"refresh_token": tokens["refresh_token"]}
    await client.post("/api/v1/auth/logout", json=body)
    assert_problem(await refresh(client, tokens), 401)
    assert await speaks(resources, key)


async def test_a_route_takes_as_many_statements_as_it_did(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    headers = headers_of(tokens)
    [key, *_] = [await issued_key(client, tokens) for _ in range(5)]
    one, digest = f"{PATH}/{key['id']}", digest_of(key["token"]).hex()
    used = {"key_id": key["id"], "used_at": utc_now().isoformat()}
    calls: list[tuple[int, str, str, dict[str, str], Any]] = [
        # When its owner was seen last, the account, the session, how many there are, the token, its
        # copy, what the audit tells, its event.
        (8, "POST", PATH, headers, key_body()),
        (1, "GET", PATH, headers, None),
        (1, "GET", f"{INTERNAL}/{digest}", service(), None),
        (1, "POST", f"{INTERNAL}/uses", service(), {"uses": [used] * 500}),
        # The session, the token, its copy, what processes are told, the audit, its event.
        (6, "DELETE", one, headers, None),
        # As above, with an event for each of the five that are left.
        (10, "DELETE", PATH, headers, None),
    ]
    for expected, method, path, headers_, body in calls:
        async with remembered(resources.platform.database.engine) as statements:
            answer = await client.request(method, path, json=body, headers=headers_)
        assert answer.is_success, (method, path, answer.text)
        texts = [statement for statement, _ in statements]
        assert len(texts) == expected, (method, path, texts)
