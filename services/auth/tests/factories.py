"""Requests and rows that the tests of auth start from."""

from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import select

from auth_service.models import Account, LinkPurpose, outbox_tables
from auth_service.resources import Resources

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


async def mailed_token(resources: Resources) -> str:
    """The token that the last verification mail would carry."""
    requested = [p for kind, p in await events(resources) if "verification" in kind]
    return resources.links.token(UUID(requested[-1]["link_id"]), LinkPurpose.VERIFY_EMAIL)


async def verify(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post("/api/v1/auth/verify-email", json={"token": token})


async def log_in(
    client: httpx.AsyncClient, name: str = "ada", password: str = PASSWORD
) -> httpx.Response:
    body = {"email": f"{name}@example.com", "password": password}
    return await client.post("/api/v1/auth/login", json=body)


async def logged_in(
    client: httpx.AsyncClient, resources: Resources, name: str = "ada"
) -> dict[str, Any]:
    """Register, verify and log in; the tokens of the session."""
    await register(client, name)
    await verify(client, await mailed_token(resources))
    tokens: dict[str, Any] = (await log_in(client, name)).json()
    return tokens


async def account(resources: Resources, name: str = "ada") -> Account | None:
    async with resources.transaction() as tx:
        return await tx.accounts.find_by_email(f"{name}@example.com")
