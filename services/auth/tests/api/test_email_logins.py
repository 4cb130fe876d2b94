"""Whoever reads the mail logs in, once, and only where it was asked for; nobody learns more."""

import asyncio
import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import text, update

from auth_service.models import Challenge, Link, LinkPurpose
from auth_service.resources import Resources
from auth_service.usecases.challenges import ATTEMPTS, ATTEMPTS_A_DAY
from auth_service.usecases.mail_requests import MOST_CHALLENGES
from auth_service.worker import answer_mail_requests, forget_challenges
from common.testing.conformance import assert_problem
from common.testing.keys import bearer, mint_internal_token
from services.auth.tests.factories import (
    events,
    events_of,
    headers_of,
    log_in,
    logged_in,
    mailed_code,
    mailed_token,
    refresh,
    register,
    wrong,
)

PATH = "/api/v1/auth/email-login"
REQUESTED = "auth.login_requested.v1"


async def ask(client: httpx.AsyncClient, name: str = "ada") -> dict[str, Any]:
    answer = await client.post(PATH, json={"email": f"{name}@example.com"})
    assert answer.status_code == 202
    asked: dict[str, Any] = answer.json()
    return asked


async def by_code(client: httpx.AsyncClient, nonce: str, code: str) -> httpx.Response:
    return await client.post(f"{PATH}/code", json={"nonce": nonce, "code": code})


async def by_link(client: httpx.AsyncClient, nonce: str | None, token: str) -> httpx.Response:
    return await client.post(f"{PATH}/link", json={"nonce": nonce, "token": token})


async def asked_link(client: httpx.AsyncClient, resources: Resources) -> tuple[str, str]:
    """The nonce and the mailed token of a request."""
    nonce = (await ask(client))["nonce"]
    return nonce, await mailed_token(resources, LinkPurpose.LOG_IN)


async def asked_code(client: httpx.AsyncClient, resources: Resources) -> tuple[str, str]:
    """The nonce and the mailed code of a request."""
    nonce = (await ask(client))["nonce"]
    return nonce, await mailed_code(resources)


async def age(resources: Resources, by: timedelta) -> None:
    """Make every challenge, link and mail lie further back."""
    async with resources.transaction() as tx:
        for row in (Challenge, Link):
            older = {"created_at": row.created_at - by, "expires_at": row.expires_at - by}
            await tx.session.execute(update(row).values(older))


async def claims(client: httpx.AsyncClient, tokens: dict[str, Any]) -> dict[str, Any]:
    keys = KeySet.import_key_set((await client.get("/.well-known/jwks.json")).json())
    return jwt.decode(tokens["access_token"], keys, ["ES256"]).claims


@pytest.mark.parametrize("way", ["code", "link"])
@pytest.mark.requirement("ASVS 6.5.1", "NIST 800-63B-4 2.1")
async def test_who_reads_the_mail_logs_in_once_where_it_was_asked_for(
    client: httpx.AsyncClient, resources: Resources, way: str
) -> None:
    former = await logged_in(client, resources)
    if way == "code":
        nonce, code = await asked_code(client, resources)
        answers = [await by_code(client, nonce, code) for _ in range(2)]
    else:
        nonce, token = await asked_link(client, resources)
        answers = [await by_link(client, nonce, token) for _ in range(2)]
    assert answers[0].status_code == 200
    assert answers[0].headers["cache-control"] == "no-store"
    assert assert_problem(answers[1], 422)["code"] == f"auth.{way}_invalid"
    told = await claims(client, answers[0].json())
    assert (told["acr"], told["amr"]) == ("1", ["email"])
    assert (await claims(client, former))["amr"] == ["pwd"]
    refreshed = (await refresh(client, answers[0].json())).json()
    assert (await claims(client, refreshed))["amr"] == ["email"]


@pytest.mark.requirement("ASVS 6.5.4")
async def test_the_mail_says_link_and_code_to_the_notifier_alone(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    _, token = await asked_link(client, resources)
    code = await mailed_code(resources)
    [requested] = await events_of(resources, REQUESTED)
    assert code not in str(requested)
    path = f"/internal/mail-links/{requested['link_id']}"
    headers = bearer(mint_internal_token("notifier", "auth"))
    assert (await client.get(path, headers=headers)).json() == {
        "url": f"http://localhost:8080{PATH}/link?token={token}",
        "code": code,
    }
    assert re.fullmatch("[0-9]{6}", code)


@pytest.mark.parametrize("way", ["code", "link"])
@pytest.mark.requirement("ASVS 2.3.4", "ASVS 6.5.1")
async def test_one_of_fifty_uses_logs_in(
    client: httpx.AsyncClient, resources: Resources, way: str
) -> None:
    await logged_in(client, resources)
    if way == "code":
        nonce, code = await asked_code(client, resources)
        answers = await asyncio.gather(*(by_code(client, nonce, code) for _ in range(50)))
    else:
        nonce, token = await asked_link(client, resources)
        answers = await asyncio.gather(*(by_link(client, nonce, token) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] + [422] * 49
    async with resources.transaction() as tx:
        count = await tx.session.execute(text("SELECT count(*) FROM sessions"))
        assert count.scalar_one() == 2


async def test_link_and_code_of_one_mail_log_in_once_together(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    nonce, code = await asked_code(client, resources)
    token = await mailed_token(resources, LinkPurpose.LOG_IN)
    answers = await asyncio.gather(
        *(by_code(client, nonce, code) for _ in range(25)),
        *(by_link(client, nonce, token) for _ in range(25)),
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [422] * 49


@pytest.mark.requirement("ASVS 2.3.1", "ASVS 6.6.2")
async def test_what_is_mailed_is_worth_nothing_to_another_client(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    await logged_in(client, resources, "eve")
    nonce, code = await asked_code(client, resources)
    token = await mailed_token(resources, LinkPurpose.LOG_IN)
    strangers = (await ask(client, "eve"))["nonce"]
    for other in (strangers, "made up", "", None):
        problem = assert_problem(await by_link(client, other, token), 422)
        assert problem["code"] == "auth.link_elsewhere"
    for other in (strangers, "made up", ""):
        problem = assert_problem(await by_code(client, other, code), 422)
        assert (problem["code"], problem["errors"][0]["pointer"]) == ("auth.code_invalid", "/code")
    assert (await by_code(client, nonce, code)).status_code == 200


@pytest.mark.requirement("ASVS 6.6.3")
async def test_codes_are_guessed_five_times(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    nonce, code = await asked_code(client, resources)
    for _ in range(ATTEMPTS - 1):
        assert_problem(await by_code(client, nonce, wrong(code)), 422)
    other = (await ask(client))["nonce"]
    assert (await by_code(client, other, await mailed_code(resources))).status_code == 200
    # The last of five, and then it is too late for the right one.
    for guess in (wrong(code), code, code):
        assert_problem(await by_code(client, nonce, guess), 422)
    assert ATTEMPTS == 5


@pytest.mark.requirement("ASVS 6.6.3")
async def test_parallel_guesses_are_counted_one_by_one(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    nonce, code = await asked_code(client, resources)
    guesses = [f"{n:06}" for n in range(50) if f"{n:06}" != code]
    await asyncio.gather(*(by_code(client, nonce, guess) for guess in guesses))
    async with resources.transaction() as tx:
        attempts = (await tx.session.execute(text("SELECT attempts FROM challenges"))).scalar_one()
    assert attempts == ATTEMPTS
    assert_problem(await by_code(client, nonce, code), 422)
    token = await mailed_token(resources, LinkPurpose.LOG_IN)
    assert (await by_link(client, nonce, token)).status_code == 200


@pytest.mark.requirement("ASVS 6.6.3")
async def test_guesses_are_bounded_per_address_and_day_and_the_link_works_on(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    for _ in range(ATTEMPTS_A_DAY // ATTEMPTS):
        guessed = (await ask(client))["nonce"]
        for _ in range(ATTEMPTS):
            await by_code(client, guessed, "000000")
    await answer_mail_requests(resources)
    await age(resources, timedelta(minutes=16))
    nonce, code = await asked_code(client, resources)
    assert_problem(await by_code(client, nonce, code), 422)
    token = await mailed_token(resources, LinkPurpose.LOG_IN)
    assert (await by_link(client, nonce, token)).status_code == 200
    await age(resources, timedelta(days=1))
    nonce, code = await asked_code(client, resources)
    assert (await by_code(client, nonce, code)).status_code == 200


async def test_asking_and_guessing_say_the_same_of_every_address(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    await register(client, "grace")
    before = await events(resources)
    names = ("ada", "grace", "nobody")
    asked = [await ask(client, name) for name in names]
    assert [each | {"nonce": ""} for each in asked] == [asked[0] | {"nonce": ""}] * 3
    assert len({each["nonce"] for each in asked}) == 3
    assert await events(resources) == before
    await answer_mail_requests(resources)
    [(kind, payload)] = (await events(resources))[len(before) :]
    assert (kind, payload["email"]) == (REQUESTED, "ada@example.com")
    code = wrong(await mailed_code(resources))
    problems = [assert_problem(await by_code(client, each["nonce"], code), 422) for each in asked]
    assert [each | {"request_id": ""} for each in problems] == [
        problems[0] | {"request_id": ""}
    ] * 3
    async with resources.transaction() as tx:
        rows = await tx.session.execute(text("SELECT email, attempts FROM challenges ORDER BY id"))
        assert [tuple(row) for row in rows] == [(f"{name}@example.com", 1) for name in names]


async def test_the_code_that_an_unknown_address_would_have_opens_nothing(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    nonce = (await ask(client, "nobody"))["nonce"]
    async with resources.transaction() as tx:
        row = await tx.session.execute(text("SELECT id FROM challenges"))
        code = resources.links.code(UUID(str(row.scalar_one())), LinkPurpose.LOG_IN)
    assert assert_problem(await by_code(client, nonce, code), 422)["code"] == "auth.code_invalid"


@pytest.mark.parametrize("way", ["code", "link"])
@pytest.mark.requirement("ASVS 6.5.5")
async def test_what_is_too_old_logs_nobody_in(
    client: httpx.AsyncClient, resources: Resources, way: str
) -> None:
    await logged_in(client, resources)
    nonce, code = await asked_code(client, resources)
    token = await mailed_token(resources, LinkPurpose.LOG_IN)
    await age(resources, timedelta(seconds=601))
    answer = await (
        by_code(client, nonce, code) if way == "code" else by_link(client, nonce, token)
    )
    assert assert_problem(answer, 422)["code"] == f"auth.{way}_invalid"


async def test_a_token_of_another_purpose_logs_nobody_in(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    nonce, token = await asked_link(client, resources)
    await client.post("/api/v1/auth/forgot-password", json={"email": "ada@example.com"})
    reset = await mailed_token(resources, LinkPurpose.RESET_PASSWORD)
    for bad in (reset, token[:-1] + ("0" if token[-1] != "0" else "1"), "", "é.x"):
        problem = assert_problem(await by_link(client, nonce, bad), 422)
        assert problem["code"] == "auth.link_invalid"
    body = {"token": token, "password": "nine herons over a still weir"}
    assert_problem(await client.post("/api/v1/auth/reset-password", json=body), 422)
    assert (await by_link(client, nonce, token)).status_code == 200


@pytest.mark.parametrize(
    "code",
    ["", "12345", "1234567", "12345a", "\uff11\uff12\uff13\uff14\uff15\uff16", "+12345", 123456],
)
async def test_a_malformed_code_is_refused(client: httpx.AsyncClient, code: Any) -> None:
    nonce = (await ask(client))["nonce"]
    problem = assert_problem(await by_code(client, nonce, code), 422)
    assert problem["code"] == "common.validation_failed"


@pytest.mark.requirement("ASVS 2.3.2")
async def test_a_mailbox_is_not_filled_and_a_client_that_asks_again_ends_no_other(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    nonce, code = await asked_code(client, resources)
    for _ in range(2 * MOST_CHALLENGES):
        await ask(client)
    await answer_mail_requests(resources)
    assert len(await events_of(resources, REQUESTED)) == MOST_CHALLENGES
    assert (await by_code(client, nonce, code)).status_code == 200


async def test_a_disabled_account_is_not_entered(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    nonce, code = await asked_code(client, resources)
    async with resources.transaction() as tx:
        await tx.session.execute(text("UPDATE accounts SET disabled_at = now()"))
    assert (
        assert_problem(await by_code(client, nonce, code), 403)["code"] == "auth.account_disabled"
    )
    await ask(client)
    await answer_mail_requests(resources)
    assert len(await events_of(resources, REQUESTED)) == 1


async def test_a_new_password_ends_what_was_mailed_before(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    nonce, code = await asked_code(client, resources)
    body = {
        "current_password": "a staple that batteries eat",
        "new_password": "nine herons over a still weir",
    }
    answer = await client.post(
        "/api/v1/auth/change-password", json=body, headers=headers_of(tokens)
    )
    assert answer.status_code == 204
    assert_problem(await by_code(client, nonce, code), 422)
    assert_problem(await log_in(client), 401)


async def test_neither_nonce_nor_code_is_stored(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    nonce, code = await asked_code(client, resources)
    async with resources.transaction() as tx:
        for table in ("challenges", "links", "mail_requests", "outbox"):
            query = text(f"SELECT t::text FROM {table} t")  # noqa: S608 — our names.
            stored = str((await tx.session.execute(query)).all())
            assert nonce not in stored
            assert f"'{code}'" not in stored


async def test_what_is_no_longer_asked_for_is_forgotten_after_a_day(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    await asked_code(client, resources)
    await age(resources, timedelta(days=1, seconds=1))
    await asked_code(client, resources)
    await forget_challenges(resources)
    async with resources.transaction() as tx:
        for table in ("challenges", "links WHERE purpose = 'log_in'"):
            query = text(f"SELECT count(*) FROM {table}")  # noqa: S608 — our names.
            assert (await tx.session.execute(query)).scalar_one() == 1


@pytest.mark.requirement("ASVS 7.6.2")
async def test_the_page_behind_the_link_uses_nothing_up(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    nonce, token = await asked_link(client, resources)
    page = await client.get(f"{PATH}/link", params={"token": token})
    assert "<button" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert (await by_link(client, nonce, token)).status_code == 200
