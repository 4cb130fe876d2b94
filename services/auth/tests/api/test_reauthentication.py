"""What is risky needs a proof of lately: of the password, or of reading the account's mail."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import text, update

from auth_service.models import LinkPurpose, Role, Session
from auth_service.repositories.audit import Operator
from auth_service.resources import Resources
from auth_service.usecases import administration
from auth_service.worker import answer_mail_requests
from common.clock import utc_now
from common.testing.conformance import assert_problem
from common.testing.keys import bearer, mint_internal_token
from services.auth.tests.api.test_impersonation import impersonated
from services.auth.tests.factories import (
    PASSWORD,
    account,
    events_of,
    headers_of,
    issue_key,
    log_in,
    logged_in,
    mailed_code,
    refresh,
    wrong,
)

PATH = "/api/v1/auth/reauthenticate"
REQUESTED = "auth.reauthentication_requested.v1"
PURPOSE = LinkPurpose.REAUTHENTICATE


async def prove(client: httpx.AsyncClient, tokens: dict[str, Any], **body: Any) -> httpx.Response:
    return await client.post(PATH, json=body, headers=headers_of(tokens))


async def ask(client: httpx.AsyncClient, tokens: dict[str, Any]) -> str:
    """The nonce of a request for a mailed code."""
    answer = await client.post(f"{PATH}/email", headers=headers_of(tokens))
    assert answer.status_code == 202
    return str(answer.json()["nonce"])


async def change_email(client: httpx.AsyncClient, tokens: dict[str, Any]) -> httpx.Response:
    body = {"email": "new@example.com"}
    return await client.post("/api/v1/auth/change-email", json=body, headers=headers_of(tokens))


async def grant_role(client: httpx.AsyncClient, tokens: dict[str, Any]) -> httpx.Response:
    path = f"/api/v1/auth/admin/accounts/{uuid4()}/roles/support"
    return await client.put(path, headers=headers_of(tokens))


async def create_key(client: httpx.AsyncClient, tokens: dict[str, Any]) -> httpx.Response:
    return await issue_key(client, tokens)


async def end_others(client: httpx.AsyncClient, tokens: dict[str, Any]) -> httpx.Response:
    return await client.delete("/api/v1/auth/sessions", headers=headers_of(tokens))


async def end_one(client: httpx.AsyncClient, tokens: dict[str, Any]) -> httpx.Response:
    path = f"/api/v1/auth/sessions/{uuid4()}"
    return await client.delete(path, headers=headers_of(tokens))


RISKY = {
    create_key: (201, "auth.key_issued.v1"),
    change_email: (202, None),
    grant_role: (404, None),
    end_others: (204, None),
    end_one: (404, None),
}


async def age(resources: Resources, seconds: int = 901) -> None:
    """Make every proof lie further back."""
    by = timedelta(seconds=seconds)
    older = {
        "created_at": Session.created_at - by,
        "authenticated_at": Session.authenticated_at - by,
    }
    async with resources.transaction() as tx:
        await tx.session.execute(update(Session).values(older))


async def claims(client: httpx.AsyncClient, token: str) -> dict[str, Any]:
    keys = KeySet.import_key_set((await client.get("/.well-known/jwks.json")).json())
    return jwt.decode(token, keys, ["ES256"]).claims


async def admin(client: httpx.AsyncClient, resources: Resources) -> dict[str, Any]:
    """The tokens of somebody who may do everything that is tried here."""
    await logged_in(client, resources)
    stored = await account(resources)
    assert stored is not None
    async with resources.transaction() as tx:
        await administration.grant_role(
            tx,
            policy=resources.sessions,
            actor=Operator("root", "a test", "auth"),
            account_id=stored.id,
            role=Role.ADMIN,
            now=utc_now(),
        )
    tokens: dict[str, Any] = (await log_in(client)).json()
    return tokens


async def by_password(
    client: httpx.AsyncClient, resources: Resources, tokens: dict[str, Any]
) -> httpx.Response:
    del resources
    return await prove(client, tokens, password=PASSWORD)


async def by_code(
    client: httpx.AsyncClient, resources: Resources, tokens: dict[str, Any]
) -> httpx.Response:
    nonce = await ask(client, tokens)
    return await prove(client, tokens, nonce=nonce, code=await mailed_code(resources, PURPOSE))


@pytest.mark.parametrize("risky", RISKY)
@pytest.mark.requirement("ASVS 7.5.1", "ASVS 7.5.2", "NIST 800-63B-4 5.1.2")
async def test_what_is_risky_is_done_after_a_login_of_lately_alone(
    client: httpx.AsyncClient, resources: Resources, risky: Any
) -> None:
    tokens = await admin(client, resources)
    await age(resources, 890)
    before = await client.get("/api/v1/auth/sessions", headers=headers_of(tokens))
    await age(resources, 11)
    problem = assert_problem(await risky(client, tokens), 403)
    assert problem["code"] == "auth.reauthentication_required"
    after = await client.get("/api/v1/auth/sessions", headers=headers_of(tokens))
    assert before.status_code == after.status_code == 200
    await age(resources, -11)
    status, event = RISKY[risky]
    assert (await risky(client, tokens)).status_code == status
    assert event is None or len(await events_of(resources, event)) == 1


@pytest.mark.parametrize("risky", RISKY)
@pytest.mark.parametrize(("way", "method"), [(by_password, "pwd"), (by_code, "email")])
async def test_a_proof_allows_what_is_risky_for_a_while(
    client: httpx.AsyncClient, resources: Resources, *, risky: Any, way: Any, method: str
) -> None:
    tokens = await admin(client, resources)
    await age(resources)
    answer = await way(client, resources, tokens)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    told = await claims(client, answer.json()["access_token"])
    former = await claims(client, tokens["access_token"])
    assert (told["sub"], told["sid"]) == (former["sub"], former["sid"])
    assert (told["acr"], told["amr"]) == ("1", [method])
    assert told["auth_time"] >= former["auth_time"]
    refreshed = (await refresh(client, tokens)).json()
    later = await claims(client, refreshed["access_token"])
    assert (later["auth_time"], later["amr"]) == (told["auth_time"], told["amr"])
    await age(resources)
    assert_problem(await risky(client, tokens), 403)
    await age(resources, -901)
    assert (await risky(client, tokens)).status_code == RISKY[risky][0]


@pytest.mark.requirement("ASVS 7.5.1", "NIST 800-63B-4 5.1.2")
async def test_a_refresh_is_no_proof(client: httpx.AsyncClient, resources: Resources) -> None:
    tokens = await logged_in(client, resources)
    await age(resources)
    refreshed = (await refresh(client, tokens)).json()
    assert_problem(await change_email(client, refreshed), 403)
    told = await claims(client, refreshed["access_token"])
    assert datetime.fromtimestamp(told["auth_time"], UTC) < utc_now() - timedelta(seconds=900)


async def test_a_proof_counts_in_its_own_session_alone(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    other = (await log_in(client)).json()
    await age(resources)
    assert (await prove(client, tokens, password=PASSWORD)).status_code == 200
    assert_problem(await change_email(client, other), 403)
    assert (await change_email(client, tokens)).status_code == 202


async def test_the_password_in_the_body_is_a_proof_by_itself(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    await age(resources)
    body = {"email": "new@example.com", "password": PASSWORD}
    for _ in range(2):
        answer = await client.post(
            "/api/v1/auth/change-email", json=body, headers=headers_of(tokens)
        )
        assert answer.status_code == 202
    assert_problem(await end_others(client, tokens), 403)


async def test_a_wrong_proof_proves_nothing(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    await age(resources)
    problem = assert_problem(await prove(client, tokens, password="not the password at all"), 403)
    assert problem["code"] == "auth.password_wrong"
    nonce = await ask(client, tokens)
    code = wrong(await mailed_code(resources, PURPOSE))
    problem = assert_problem(await prove(client, tokens, nonce=nonce, code=code), 422)
    assert problem["code"] == "auth.code_invalid"
    assert_problem(await change_email(client, tokens), 403)


@pytest.mark.requirement("ASVS 6.6.2")
async def test_a_code_of_another_account_or_purpose_proves_nothing(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    stranger = await logged_in(client, resources, "eve")
    await age(resources)
    nonce = await ask(client, stranger)
    code = await mailed_code(resources, PURPOSE)
    assert_problem(await prove(client, tokens, nonce=nonce, code=code), 422)
    login = await client.post("/api/v1/auth/email-login", json={"email": "ada@example.com"})
    code = await mailed_code(resources)
    assert_problem(await prove(client, tokens, nonce=login.json()["nonce"], code=code), 422)
    nonce = await ask(client, tokens)
    body = {"nonce": nonce, "code": await mailed_code(resources, PURPOSE)}
    assert_problem(await client.post("/api/v1/auth/email-login/code", json=body), 422)
    assert_problem(await change_email(client, tokens), 403)
    assert (await prove(client, tokens, **body)).status_code == 200


@pytest.mark.requirement("ASVS 6.5.1")
async def test_one_of_fifty_uses_of_a_code_proves_something(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    nonce = await ask(client, tokens)
    code = await mailed_code(resources, PURPOSE)
    answers = await asyncio.gather(
        *(prove(client, tokens, nonce=nonce, code=code) for _ in range(50))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [422] * 49


async def test_the_mail_says_a_code_and_leads_nowhere(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    await ask(client, tokens)
    code = await mailed_code(resources, PURPOSE)
    [requested] = await events_of(resources, REQUESTED)
    assert requested["email"] == "ada@example.com"
    path = f"/internal/mail-links/{requested['link_id']}"
    answer = await client.get(path, headers=bearer(mint_internal_token("notifier", "auth")))
    assert answer.json() == {"url": None, "code": code}


async def test_no_mail_goes_to_an_address_that_has_become_anothers(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    await logged_in(client, resources, "eve")
    await ask(client, tokens)
    async with resources.transaction() as tx:
        await tx.session.execute(text("UPDATE mail_requests SET email = 'eve@example.com'"))
    await answer_mail_requests(resources)
    assert await events_of(resources, REQUESTED) == []


async def test_who_acts_for_somebody_else_proves_nothing(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    opened = await impersonated(client, resources)
    for answer in (
        await prove(client, opened, password=PASSWORD),
        await client.post(f"{PATH}/email", headers=headers_of(opened)),
        await create_key(client, opened),
    ):
        assert assert_problem(answer, 403)["code"] == "auth.impersonated"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"nonce": "x"},
        {"code": "123456"},
        {"password": PASSWORD, "nonce": "x", "code": "123456"},
        {"password": PASSWORD, "code": "123456"},
        {"password": None},
        {"nonce": "x", "code": "12345x"},
    ],
)
@pytest.mark.requirement("ASVS 2.2.3")
async def test_a_malformed_proof_is_refused(
    client: httpx.AsyncClient, resources: Resources, body: dict[str, Any]
) -> None:
    tokens = await logged_in(client, resources)
    problem = assert_problem(await prove(client, tokens, **body), 422)
    assert problem["code"] == "common.validation_failed"


async def test_a_session_that_has_ended_proves_and_risks_nothing(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    nonce = await ask(client, tokens)
    code = await mailed_code(resources, PURPOSE)
    body = {"refresh_token": tokens["refresh_token"]}
    await client.post("/api/v1/auth/logout", json=body)
    for answer in (
        await prove(client, tokens, password=PASSWORD),
        await prove(client, tokens, nonce=nonce, code=code),
        await client.post(f"{PATH}/email", headers=headers_of(tokens)),
        await change_email(client, tokens),
    ):
        assert assert_problem(answer, 401)["code"] == "common.invalid_token"
