"""Registration tells nothing about who is registered; a mailed token works once."""

import asyncio
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from auth_service.models import LinkPurpose
from auth_service.resources import Resources
from common.testing.conformance import assert_problem
from common.testing.operations import public_operations
from services.auth.tests.factories import (
    PASSWORD,
    account,
    events,
    log_in,
    logged_in,
    mailed_token,
    register,
    verify,
)

REQUESTED = "auth.email_verification_requested.v1"


async def test_registering_asks_for_a_verification_mail(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    response = await register(client)
    assert response.status_code == 202
    [(kind, payload)] = await events(resources)
    assert (kind, payload["email"], payload["username"]) == (REQUESTED, "ada@example.com", "ada")
    assert PASSWORD not in str(payload)


async def test_the_answer_for_a_known_address_is_the_same(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    first = await register(client)
    await verify(client, await mailed_token(resources))
    again = await register(client, email="ADA@Example.com", username="ada2")
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    kinds = [kind for kind, _ in await events(resources)]
    assert kinds == [
        REQUESTED,
        "auth.account_registered.v1",
        "auth.known_address_registered.v1",
    ]
    stored = await account(resources)
    assert stored is not None
    assert stored.username == "ada"


async def test_of_an_unverified_address_the_latest_registration_counts(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await register(client)
    old_token = await mailed_token(resources)
    await register(client, username="lovelace", password="an engine that weaves leaves")
    assert_problem(await verify(client, old_token), 422)
    assert (await verify(client, await mailed_token(resources))).status_code == 204
    assert_problem(await log_in(client), 401)
    assert (await log_in(client, password="an engine that weaves leaves")).status_code == 200


@pytest.mark.parametrize("verified", [True, False])
async def test_a_taken_username_is_a_conflict(
    client: httpx.AsyncClient, resources: Resources, *, verified: bool
) -> None:
    await register(client)
    if verified:
        await verify(client, await mailed_token(resources))
    problem = assert_problem(await register(client, "grace", username="ada"), 409)
    assert problem["code"] == "auth.username_taken"
    assert problem["errors"][0]["pointer"] == "/username"
    assert await account(resources, "grace") is None


@pytest.mark.requirement("ASVS 2.3.4")
async def test_one_of_many_registrations_of_a_username_wins(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    answers = await asyncio.gather(
        *(register(client, f"user{n}", username="wanted") for n in range(8))
    )
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 7


async def test_many_registrations_of_an_address_make_one_account(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    answers = await asyncio.gather(*(register(client, username=f"ada{n}") for n in range(8)))
    assert {answer.status_code for answer in answers} == {202}
    assert (await verify(client, await mailed_token(resources))).status_code == 204


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("fourteen chars", "auth.password_too_short"),
        ("passwordpassword", "auth.password_too_common"),
        ("aaaaaaaaaaaaaaaaaaaa", "auth.password_too_common"),
        ("qwertyuiopasdfghjkl", "auth.password_too_common"),
        ("ada@example.com", "auth.password_too_common"),
        ("a very fine Ada of ours", "auth.password_too_common"),
        ("what the ＡＤＡ weaves", "auth.password_too_common"),  # noqa: RUF001 — full width.
        ("some colonnade of stone", "auth.password_too_common"),
    ],
)
@pytest.mark.requirement(
    "ASVS 6.2.1", "ASVS 6.2.11", "NIST 800-63B-4 3.1.1.2 length", "NIST 800-63B-4 3.1.1.2 blocklist"
)
async def test_a_weak_password_is_refused_with_a_reason(
    client: httpx.AsyncClient, resources: Resources, password: str, code: str
) -> None:
    problem = assert_problem(await register(client, password=password), 422)
    assert problem["code"] == code
    assert problem["errors"][0]["pointer"] == "/password"
    assert len(problem["detail"]) > 20
    assert await account(resources) is None


@pytest.mark.parametrize(
    "change",
    [
        {"email": "not an address"},
        {"email": "a@b\r\nBcc: c@d"},
        {"username": "Ada"},
        {"username": "ad"},
        {"username": "a" * 31},
        {"username": "аda"},  # A Cyrillic letter that looks like a Latin one. # noqa: RUF001
        {"username": "me"},
        {"password": "x" * 129},
    ],
)
@pytest.mark.requirement("ASVS 2.2.1")
async def test_a_malformed_registration_is_refused(
    client: httpx.AsyncClient, resources: Resources, change: dict[str, str]
) -> None:
    assert_problem(await register(client, **change), 422)
    assert await events(resources) == []


@pytest.mark.requirement("ASVS 6.4.1")
async def test_a_mailed_token_verifies_once(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await register(client)
    token = await mailed_token(resources)
    answers = await asyncio.gather(*(verify(client, token) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [204] + [422] * 49
    kinds = [kind for kind, _ in await events(resources)]
    assert kinds.count("auth.account_registered.v1") == 1


@pytest.mark.parametrize("kind", ["forged", "garbage", "of another link", "empty"])
async def test_a_bad_token_verifies_nothing(
    client: httpx.AsyncClient, resources: Resources, kind: str
) -> None:
    await register(client)
    token = await mailed_token(resources)
    bad = {
        "forged": token[:-1] + ("0" if token[-1] != "0" else "1"),
        "garbage": "é.x",
        "of another link": resources.links.token(uuid4(), LinkPurpose.VERIFY_EMAIL),
        "empty": "",
    }
    problem = assert_problem(await verify(client, bad[kind]), 422)
    assert problem["code"] == "auth.link_invalid"


@pytest.mark.requirement("ASVS 6.4.1")
async def test_an_expired_link_verifies_nothing(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await register(client)
    token = await mailed_token(resources)
    async with resources.transaction() as tx:
        await tx.session.execute(text("UPDATE links SET expires_at = now()"))
    assert_problem(await verify(client, token), 422)


@pytest.mark.requirement("ASVS 7.6.2")
async def test_the_page_behind_the_link_uses_nothing_up(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await register(client)
    token = await mailed_token(resources)
    page = await client.get("/api/v1/auth/verify-email", params={"token": token})
    assert page.headers["content-type"].startswith("text/html")
    assert "<button" in page.text
    assert token not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert (await verify(client, token)).status_code == 204


@pytest.mark.requirement("ASVS 2.3.1")
async def test_a_session_begins_only_with_a_verified_address(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await register(client)
    assert assert_problem(await log_in(client), 403)["code"] == "auth.email_not_verified"
    wrong = await log_in(client, password="not the password at all")
    assert assert_problem(wrong, 401)["code"] == "auth.credentials_invalid"
    await verify(client, await mailed_token(resources))
    assert (await log_in(client)).status_code == 200


async def test_an_unknown_address_and_a_wrong_password_look_alike(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    unknown = assert_problem(await log_in(client, "nobody"), 401)
    wrong = assert_problem(await log_in(client, password="not the password at all"), 401)
    assert unknown | {"request_id": ""} == wrong | {"request_id": ""}


@pytest.mark.requirement("ASVS 8.2.3")
async def test_a_registration_gives_nobody_more_than_an_account(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    wished = str(uuid4())
    long_ago = "2020-01-01T00:00:00Z"
    await register(
        client, id=wished, roles=["admin"], verified_at=long_ago, password_hash="x", scope="admin"
    )
    stored = await account(resources)
    assert stored is not None
    assert str(stored.id) != wished
    assert (stored.roles, stored.verified_at) == ([], None)
    assert stored.password_hash != "x"


@pytest.mark.requirement("ASVS 6.4.2", "NIST 800-63B-4 3.1.1.2 hints")
def test_nobody_is_asked_for_a_hint_or_about_their_life(app: FastAPI) -> None:
    asked = {each.name: set(each.body_properties() or ()) for each in public_operations(app)}
    assert asked["register_account"] == {"email", "username", "password"}
    assert asked["log_in"] == {"email", "password"}
    assert asked["forget_password"] == {"email"}
    assert asked["reset_password"] == {"token", "password"}
