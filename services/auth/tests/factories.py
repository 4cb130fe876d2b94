"""Requests and rows that the tests of auth start from."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
from argon2 import PasswordHasher
from sqlalchemy import select

from auth_service.models import Account, LinkPurpose, Role, outbox_tables
from auth_service.resources import Resources
from auth_service.unit_of_work import Tx
from auth_service.usecases.sessions import Client, Method, open_session
from auth_service.worker import answer_mail_requests
from common.clock import utc_now
from common.ids import new_id
from common.testing.keys import bearer
from common.testing.statements import remembered

PASSWORD = "a staple that batteries eat"


def registration(name: str = "ada", **changes: Any) -> dict[str, Any]:
    return {
        "email": f"{name}@example.com",
        "username": name,
        "password": PASSWORD,
        **changes,
    }


async def register(client: httpx.AsyncClient, name: str = "ada", **changes: Any) -> httpx.Response:
    return await client.post("/api/v1/auth/register", json=registration(name, **changes))


async def events(resources: Resources) -> list[tuple[str, dict[str, Any]]]:
    """What the outbox holds, in order: type and payload."""
    row = outbox_tables.OutboxRow
    async with resources.platform.database.reads() as connection:
        rows = await connection.execute(select(row.type, row.payload).order_by(row.id))
        return [(kind, payload) for kind, payload in rows]


async def events_of(resources: Resources, kind: str) -> list[dict[str, Any]]:
    """The payloads of one type of event, in order."""
    return [payload for each, payload in await events(resources) if each == kind]


async def mailed_token(
    resources: Resources, purpose: LinkPurpose = LinkPurpose.VERIFY_EMAIL
) -> str:
    """The token that the last mail of this purpose would carry, when it is asked for."""
    await answer_mail_requests(resources)
    requested = await events_of(resources, MAILED[purpose])
    return resources.links.token(UUID(requested[-1]["link_id"]), purpose)


async def mailed_code(resources: Resources, purpose: LinkPurpose = LinkPurpose.LOG_IN) -> str:
    """The code that the last mail of this purpose would carry, when it is asked for."""
    await answer_mail_requests(resources)
    requested = await events_of(resources, MAILED[purpose])
    return resources.links.code(UUID(requested[-1]["link_id"]), purpose)


def wrong(code: str) -> str:
    """Another code."""
    return f"{(int(code) + 1) % 1_000_000:06}"


async def verify(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post("/api/v1/auth/verify-email", json={"token": token})


async def log_in(
    client: httpx.AsyncClient, name: str = "ada", password: str = PASSWORD
) -> httpx.Response:
    body = {"email": f"{name}@example.com", "password": password}
    return await client.post("/api/v1/auth/login", json=body)


async def refresh(client: httpx.AsyncClient, tokens: dict[str, Any]) -> httpx.Response:
    body = {"refresh_token": tokens["refresh_token"]}
    return await client.post("/api/v1/auth/refresh", json=body)


async def logged_in(
    client: httpx.AsyncClient, resources: Resources, name: str = "ada"
) -> dict[str, Any]:
    """Register, verify and log in; the tokens of the session."""
    await register(client, name)
    await verify(client, await mailed_token(resources))
    tokens: dict[str, Any] = (await log_in(client, name)).json()
    return tokens


def headers_of(tokens: dict[str, Any]) -> dict[str, str]:
    """The header that speaks for the owner of a session."""
    return bearer(tokens["access_token"])


def key_body(**changes: Any) -> dict[str, Any]:
    return {"name": "Nightly build", "scopes": ["posts:read", "posts:write"], **changes}


async def issue_key(
    client: httpx.AsyncClient, tokens: dict[str, Any], **changes: Any
) -> httpx.Response:
    """Ask for a personal access token with a session."""
    body = key_body(**changes)
    return await client.post("/api/v1/auth/keys", json=body, headers=headers_of(tokens))


async def issued_key(
    client: httpx.AsyncClient, tokens: dict[str, Any], **changes: Any
) -> dict[str, Any]:
    """A personal access token that must be issued, as the answer tells it."""
    answer = await issue_key(client, tokens, **changes)
    assert answer.status_code == 201, answer.text
    issued: dict[str, Any] = answer.json()
    return issued


async def account(resources: Resources, name: str = "ada") -> Account | None:
    async with resources.transaction() as tx:
        return await tx.accounts.find_by_email(f"{name}@example.com")


MAILED = {
    LinkPurpose.VERIFY_EMAIL: "auth.email_verification_requested.v1",
    LinkPurpose.RESET_PASSWORD: "auth.password_reset_requested.v1",
    LinkPurpose.CHANGE_EMAIL: "auth.email_change_requested.v1",
    LinkPurpose.LOG_IN: "auth.login_requested.v1",
    LinkPurpose.REAUTHENTICATE: "auth.reauthentication_requested.v1",
}


async def arrive(resources: Resources, name: str, *roles: Role) -> Account:
    """An account whose address is verified, without the ways of a registration."""
    account = Account(
        id=new_id(),
        email=f"{name}@example.com",
        username=name,
        password_hash=PasswordHasher(1, 64, 1).hash(PASSWORD),
        verified_at=utc_now(),
        roles=[*roles],
    )
    async with resources.transaction() as tx:
        tx.session.add(account)
    return account


async def enter(resources: Resources, account: Account) -> str:
    """The access token of a new session of an account."""
    policy, now = resources.sessions, utc_now()
    async with resources.transaction() as tx:
        client = Client("", None)
        opened = await open_session(tx, policy, account, client, method=Method.PASSWORD, now=now)
    return opened.access_token


@asynccontextmanager
async def statements(resources: Resources) -> AsyncIterator[list[str]]:
    """What is sent to the database for the block, without parameters."""
    sent: list[str] = []
    async with remembered(resources.platform.database.engine) as found:
        yield sent
    sent += [statement for statement, _ in found]


@asynccontextmanager
async def account_held(resources: Resources, email: str) -> AsyncIterator[Tx]:
    """A transaction that holds an account, as every change of one does."""
    async with resources.transaction() as tx:
        assert await tx.accounts.find_by_email(email, lock=True)
        yield tx
