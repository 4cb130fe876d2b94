"""A forgotten password is replaced by who reads the mail, a known one by who knows it; once."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import select, text

from auth_service.models import LinkPurpose, MailRequest
from auth_service.resources import Resources
from auth_service.worker import answer_mail_requests
from common.testing.conformance import assert_problem
from common.testing.keys import bearer, mint_internal_token
from services.auth.tests.factories import (
    PASSWORD,
    events,
    events_of,
    headers_of,
    log_in,
    logged_in,
    mailed_token,
    refresh,
    register,
)

NEW = "nine herons over a still weir"
REQUESTED = "auth.password_reset_requested.v1"
CHANGED = "auth.password_changed.v1"
CHANGE_PATH = "/api/v1/auth/change-password"


async def forget(client: httpx.AsyncClient, name: str = "ada") -> httpx.Response:
    body = {"email": f"{name}@example.com"}
    return await client.post("/api/v1/auth/forgot-password", json=body)


async def reset(client: httpx.AsyncClient, token: str, password: str = NEW) -> httpx.Response:
    body = {"token": token, "password": password}
    return await client.post("/api/v1/auth/reset-password", json=body)


async def change(
    client: httpx.AsyncClient, tokens: dict[str, Any], current: str = PASSWORD, new: str = NEW
) -> httpx.Response:
    body = {"current_password": current, "new_password": new}
    return await client.post(CHANGE_PATH, json=body, headers=headers_of(tokens))


async def reset_token(client: httpx.AsyncClient, resources: Resources) -> str:
    await forget(client)
    return await mailed_token(resources, LinkPurpose.RESET_PASSWORD)


async def waiting(resources: Resources) -> list[str]:
    """The addresses of the requests for mail that wait."""
    async with resources.transaction() as tx:
        return list(await tx.session.scalars(select(MailRequest.email)))


@pytest.mark.requirement(
    "ASVS 6.4.3", "ASVS 7.4.3", "RFC 9700 4.14", "NIST 800-63B-4 4.2", "NIST 800-63B-4 4.6"
)
async def test_who_reads_the_mail_sets_a_new_password_and_every_session_ends(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    first = await logged_in(client, resources)
    second = (await log_in(client)).json()
    assert (await reset(client, await reset_token(client, resources))).status_code == 204
    for tokens in (first, second):
        assert_problem(await refresh(client, tokens), 401)
    assert_problem(await log_in(client), 401)
    assert (await log_in(client, password=NEW)).status_code == 200
    [told] = await events_of(resources, CHANGED)
    assert (told["email"], told["username"]) == ("ada@example.com", "ada")
    assert NEW not in str(await events(resources))


@pytest.mark.requirement("ASVS 6.4.3")
async def test_asking_says_the_same_of_every_address_and_finds_out_later(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    await register(client, "grace")
    before = await events(resources)
    answers = [await forget(client, name) for name in ("ada", "grace", "nobody")]
    assert {(answer.status_code, answer.text) for answer in answers} == {(202, answers[0].text)}
    assert await waiting(resources) == [
        f"{name}@example.com" for name in ("ada", "grace", "nobody")
    ]
    assert await events(resources) == before
    await answer_mail_requests(resources)
    assert await waiting(resources) == []
    [(kind, payload)] = (await events(resources))[len(before) :]
    assert (kind, payload["email"]) == (REQUESTED, "ada@example.com")


async def test_many_workers_answer_each_request_once(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    for name in ("ada", "grace", "edith"):
        await logged_in(client, resources, name)
        await forget(client, name)
    await asyncio.gather(*(answer_mail_requests(resources) for _ in range(8)))
    asked = [event["username"] for event in await events_of(resources, REQUESTED)]
    assert sorted(asked) == ["ada", "edith", "grace"]


@pytest.mark.requirement("ASVS 2.3.2")
async def test_nobody_fills_the_mailbox_of_a_stranger(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    token = await reset_token(client, resources)
    for _ in range(3):
        await forget(client)
    await answer_mail_requests(resources)
    assert len(await events_of(resources, REQUESTED)) == 1
    assert (await reset(client, token)).status_code == 204
    await forget(client)
    await answer_mail_requests(resources)
    assert len(await events_of(resources, REQUESTED)) == 1
    async with resources.transaction() as tx:
        await tx.session.execute(text("UPDATE links SET created_at = now() - interval '61 s'"))
    assert (await reset(client, await reset_token(client, resources))).status_code == 204


async def test_the_mail_goes_on_with_the_trace_of_the_request(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    await client.post(
        "/api/v1/auth/forgot-password",
        json={"email": "ada@example.com"},
        headers={"X-Request-ID": "from-the-client"},
    )
    await answer_mail_requests(resources)
    async with resources.transaction() as tx:
        query = text("SELECT headers FROM outbox ORDER BY id DESC LIMIT 1")
        headers = (await tx.session.execute(query)).scalar_one()
    assert headers["X-Request-ID"] == "from-the-client"


@pytest.mark.requirement("ASVS 2.3.4", "ASVS 6.4.3", "NIST 800-63B-4 4.2")
async def test_one_of_fifty_uses_of_a_token_sets_the_password(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    token = await reset_token(client, resources)
    answers = await asyncio.gather(*(reset(client, token, f"{NEW} {n}") for n in range(50)))
    assert sorted(answer.status_code for answer in answers) == [204] + [422] * 49
    assert len(await events_of(resources, CHANGED)) == 1
    [winner] = [n for n, answer in enumerate(answers) if answer.status_code == 204]
    assert (await log_in(client, password=f"{NEW} {winner}")).status_code == 200


@pytest.mark.requirement("ASVS 6.2.12")
async def test_a_password_that_is_refused_does_not_use_the_link_up(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    token = await reset_token(client, resources)
    for weak, code in (
        ("short", "auth.password_too_short"),
        ("it is ada@example.com", "auth.password_too_common"),
        ("yourguardianangel", "auth.password_too_common"),
    ):
        problem = assert_problem(await reset(client, token, weak), 422)
        assert (problem["code"], problem["errors"][0]["pointer"]) == (code, "/password")
    assert (await reset(client, token)).status_code == 204


@pytest.mark.parametrize("kind", ["forged", "of another purpose", "of another link", "expired"])
@pytest.mark.requirement("ASVS 6.4.3", "NIST 800-63B-4 4.2")
async def test_a_bad_token_resets_nothing(
    client: httpx.AsyncClient, resources: Resources, kind: str
) -> None:
    await logged_in(client, resources)
    token = await reset_token(client, resources)
    [requested] = await events_of(resources, REQUESTED)
    if kind == "expired":
        async with resources.transaction() as tx:
            await tx.session.execute(text("UPDATE links SET expires_at = now()"))
    bad = {
        "forged": token[:-1] + ("0" if token[-1] != "0" else "1"),
        "of another purpose": resources.links.token(
            UUID(requested["link_id"]), LinkPurpose.VERIFY_EMAIL
        ),
        "of another link": resources.links.token(uuid4(), LinkPurpose.RESET_PASSWORD),
        "expired": token,
    }
    assert assert_problem(await reset(client, bad[kind]), 422)["code"] == "auth.link_invalid"
    assert (await log_in(client)).status_code == 200


async def test_a_token_that_resets_verifies_nothing(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    token = await reset_token(client, resources)
    answer = await client.post("/api/v1/auth/verify-email", json={"token": token})
    assert assert_problem(answer, 422)["code"] == "auth.link_invalid"


async def test_the_notifier_gets_the_link_of_a_reset(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    token = await reset_token(client, resources)
    [requested] = await events_of(resources, REQUESTED)
    path = f"/internal/mail-links/{requested['link_id']}"
    headers = bearer(mint_internal_token("notifier", "auth"))
    url = (await client.get(path, headers=headers)).json()["url"]
    assert url == f"http://localhost:8080/api/v1/auth/reset-password?token={token}"


@pytest.mark.requirement(
    "ASVS 6.2.6", "ASVS 6.2.7", "RFC 9700 4.2", "NIST 800-63B-4 3.1.1.2 managers"
)
async def test_the_page_behind_the_link_asks_for_the_password(client: httpx.AsyncClient) -> None:
    page = await client.get("/api/v1/auth/reset-password", params={"token": "secret"})
    assert page.headers["content-type"].startswith("text/html")
    assert '<input type="password" autocomplete="new-password"' in page.text
    assert "paste" not in page.text
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "secret" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


@pytest.mark.requirement("ASVS 6.2.2", "ASVS 7.4.3", "RFC 9700 4.14", "NIST 800-63B-4 4.6")
async def test_who_knows_the_password_changes_it_and_every_session_ends(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    other = (await log_in(client)).json()
    link = await reset_token(client, resources)
    assert (await change(client, tokens)).status_code == 204
    for session in (tokens, other):
        assert_problem(await refresh(client, session), 401)
    assert_problem(await log_in(client), 401)
    assert (await log_in(client, password=NEW)).status_code == 200
    assert len(await events_of(resources, CHANGED)) == 1
    assert_problem(await reset(client, link), 422)


@pytest.mark.parametrize(
    ("current", "new", "status", "code", "pointer"),
    [
        ("not the password at all", NEW, 403, "auth.password_wrong", "/current_password"),
        (PASSWORD, "short", 422, "auth.password_too_short", "/new_password"),
        (PASSWORD, "so says ada, loudly", 422, "auth.password_too_common", "/new_password"),
        (PASSWORD, "x" * 129, 422, "common.validation_failed", "/new_password"),
    ],
)
@pytest.mark.requirement("ASVS 6.2.11")
async def test_a_refused_change_changes_nothing(
    client: httpx.AsyncClient,
    resources: Resources,
    *,
    current: str,
    new: str,
    status: int,
    code: str,
    pointer: str,
) -> None:
    tokens = await logged_in(client, resources)
    problem = assert_problem(await change(client, tokens, current, new), status)
    assert (problem["code"], problem["errors"][0]["pointer"]) == (code, pointer)
    assert (await refresh(client, tokens)).status_code == 200
    assert (await log_in(client)).status_code == 200
    assert await events_of(resources, CHANGED) == []


@pytest.mark.requirement("ASVS 6.2.3")
async def test_a_change_takes_the_present_password_however_fresh_the_login_is(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    for absent in ({}, {"current_password": None}):
        body = {"new_password": NEW, **absent}
        answer = await client.post(CHANGE_PATH, json=body, headers=headers_of(tokens))
        problem = assert_problem(answer, 422)
        assert problem["errors"][0]["pointer"] == "/current_password"
    assert (await change(client, tokens, "not the password at all")).status_code == 403
    assert (await log_in(client)).status_code == 200
    assert (await change(client, tokens)).status_code == 204
    assert (await log_in(client, password=NEW)).status_code == 200


async def test_one_of_fifty_changes_from_the_same_password_wins(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    answers = await asyncio.gather(*(change(client, tokens, new=f"{NEW} {n}") for n in range(50)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] == 204
    assert set(statuses[1:]) <= {401, 403}
    assert len(await events_of(resources, CHANGED)) == 1


async def test_a_session_that_has_ended_changes_nothing(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    body = {"refresh_token": tokens["refresh_token"]}
    await client.post("/api/v1/auth/logout", json=body)
    assert assert_problem(await change(client, tokens), 401)["code"] == "common.invalid_token"
    assert (await log_in(client)).status_code == 200


async def test_a_login_beside_a_change_leaves_no_session_of_the_old_password(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    changed, *logins = await asyncio.gather(
        change(client, tokens), *(log_in(client) for _ in range(20))
    )
    assert changed.status_code == 204
    for login in logins:
        if login.status_code == 200:
            assert_problem(await refresh(client, login.json()), 401)
