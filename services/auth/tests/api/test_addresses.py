"""An address becomes an account's when its reader follows the mail; the former one is told."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from auth_service.models import LinkPurpose
from auth_service.resources import Resources
from auth_service.worker import answer_mail_requests
from common.testing.conformance import assert_problem
from services.auth.tests.factories import (
    PASSWORD,
    account,
    events,
    events_of,
    headers_of,
    log_in,
    logged_in,
    mailed_token,
    refresh,
    register,
    verify,
)

REQUESTED = "auth.email_change_requested.v1"
CHANGED = "auth.email_changed.v1"
VERIFICATION = "auth.email_verification_requested.v1"


async def change(
    client: httpx.AsyncClient, tokens: dict[str, Any], name: str = "lovelace", **changes: Any
) -> httpx.Response:
    body = {"email": f"{name}@example.com", "password": PASSWORD, **changes}
    return await client.post("/api/v1/auth/change-email", json=body, headers=headers_of(tokens))


async def confirm(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post("/api/v1/auth/confirm-email", json={"token": token})


async def resend(client: httpx.AsyncClient, name: str = "ada") -> httpx.Response:
    body = {"email": f"{name}@example.com"}
    return await client.post("/api/v1/auth/resend-verification", json=body)


async def change_token(
    client: httpx.AsyncClient, resources: Resources, tokens: dict[str, Any]
) -> str:
    assert (await change(client, tokens)).status_code == 202
    return await mailed_token(resources, LinkPurpose.CHANGE_EMAIL)


async def forget_links(resources: Resources) -> None:
    """Make all mails lie further back than the time between two of them."""
    async with resources.transaction() as tx:
        await tx.session.execute(text("UPDATE links SET created_at = now() - interval '61 s'"))


@pytest.mark.requirement("NIST 800-63B-4 4.6")
async def test_a_new_address_counts_once_it_is_confirmed_and_the_former_one_is_told(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    token = await change_token(client, resources, tokens)
    [requested] = await events_of(resources, REQUESTED)
    assert requested["email"] == "lovelace@example.com"
    assert_problem(await log_in(client, "lovelace"), 401)
    assert (await confirm(client, token)).status_code == 204
    assert_problem(await log_in(client), 401)
    assert (await log_in(client, "lovelace")).status_code == 200
    assert (await refresh(client, tokens)).status_code == 200
    [changed] = await events_of(resources, CHANGED)
    assert (changed["old_email"], changed["email"]) == ("ada@example.com", "lovelace@example.com")


async def test_an_address_that_has_an_owner_gets_no_mail_and_the_answer_is_the_same(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    await logged_in(client, resources, "grace")
    before = await events(resources)
    taken, own, free = [await change(client, tokens, name) for name in ("grace", "ada", "free")]
    assert (taken.status_code, taken.text) == (own.status_code, own.text) == (202, free.text)
    assert await events(resources) == before
    await answer_mail_requests(resources)
    [(kind, payload)] = (await events(resources))[len(before) :]
    assert (kind, payload["email"]) == (REQUESTED, "free@example.com")


async def test_an_address_that_got_an_owner_meanwhile_is_not_given_away(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    token = await change_token(client, resources, await logged_in(client, resources))
    await logged_in(client, resources, "lovelace")
    assert assert_problem(await confirm(client, token), 409)["code"] == "auth.email_taken"
    assert (await log_in(client)).status_code == 200
    assert await events_of(resources, CHANGED) == []


async def test_whoever_registered_an_address_without_reading_its_mail_does_not_hold_it(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    await register(client, "lovelace")
    squatter = await mailed_token(resources)
    assert (await confirm(client, await change_token(client, resources, tokens))).status_code == 204
    assert_problem(await verify(client, squatter), 422)
    stored = await account(resources, "lovelace")
    assert stored is not None
    assert stored.username == "ada"


async def test_one_of_fifty_confirmations_counts(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    token = await change_token(client, resources, await logged_in(client, resources))
    answers = await asyncio.gather(*(confirm(client, token) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [204] + [422] * 49
    assert len(await events_of(resources, CHANGED)) == 1


async def test_one_of_many_accounts_gets_an_address_that_all_were_mailed_at(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = [await logged_in(client, resources, name) for name in ("ada", "grace", "edith")]
    links = [await change_token(client, resources, each) for each in tokens]
    answers = await asyncio.gather(*(confirm(client, link) for link in links))
    assert sorted(answer.status_code for answer in answers) == [204, 409, 409]


async def test_what_was_mailed_to_the_former_address_works_no_longer(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    await client.post("/api/v1/auth/forgot-password", json={"email": "ada@example.com"})
    reset = await mailed_token(resources, LinkPurpose.RESET_PASSWORD)
    await confirm(client, await change_token(client, resources, tokens))
    body = {"token": reset, "password": "nine herons over a still weir"}
    assert_problem(await client.post("/api/v1/auth/reset-password", json=body), 422)


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"password": "not the password at all"}, 403, "auth.password_wrong"),
        ({"email": "a@b\r\nBcc: c@d"}, 422, "common.validation_failed"),
        ({"email": "not an address"}, 422, "common.validation_failed"),
        ({"email": f"{'x' * 300}@example.com"}, 422, "common.validation_failed"),
    ],
)
async def test_a_change_that_is_refused_mails_nothing(
    client: httpx.AsyncClient,
    resources: Resources,
    *,
    changes: dict[str, str],
    status: int,
    code: str,
) -> None:
    tokens = await logged_in(client, resources)
    assert assert_problem(await change(client, tokens, **changes), status)["code"] == code
    await answer_mail_requests(resources)
    assert await events_of(resources, REQUESTED) == []


async def test_a_token_of_another_purpose_confirms_nothing(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await register(client, "grace")
    verification = await mailed_token(resources)
    change_link = await change_token(client, resources, await logged_in(client, resources))
    for token in (verification, change_link[:-1] + "x", ""):
        assert assert_problem(await confirm(client, token), 422)["code"] == "auth.link_invalid"
    assert assert_problem(await verify(client, change_link), 422)["code"] == "auth.link_invalid"


async def test_the_page_behind_the_link_uses_nothing_up(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    token = await change_token(client, resources, await logged_in(client, resources))
    page = await client.get("/api/v1/auth/confirm-email", params={"token": token})
    assert "<button" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert (await confirm(client, token)).status_code == 204


async def test_a_verification_is_mailed_again_for_an_unverified_address_alone(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    await register(client, "grace")
    first = await mailed_token(resources)
    await forget_links(resources)
    before = await events(resources)
    answers = [await resend(client, name) for name in ("ada", "grace", "nobody")]
    assert {(answer.status_code, answer.text) for answer in answers} == {(202, answers[0].text)}
    assert await events(resources) == before
    token = await mailed_token(resources)
    [(kind, payload)] = (await events(resources))[len(before) :]
    assert (kind, payload["email"]) == (VERIFICATION, "grace@example.com")
    assert_problem(await verify(client, first), 422)
    assert (await verify(client, token)).status_code == 204


async def test_a_verification_is_not_mailed_again_at_once(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await register(client)
    for _ in range(3):
        await resend(client)
    assert (await verify(client, await mailed_token(resources))).status_code == 204
    assert len(await events_of(resources, VERIFICATION)) == 1
