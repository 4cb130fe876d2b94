"""What ends personal access tokens besides their owner, and what does not."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from auth_service import models
from auth_service.models import LinkPurpose
from auth_service.resources import Resources
from common.contracts import KeyIssued
from common.personal_keys.format import digest_of
from common.revocations import Watch
from common.testing.conformance import assert_problem
from common.testing.keys import bearer, mint_internal_token
from common.tokens import InvalidToken
from services.auth.tests.factories import (
    PASSWORD,
    account,
    events_of,
    headers_of,
    issue_key,
    issued_key,
    log_in,
    logged_in,
    mailed_token,
)

REVOKED = "auth.key_revoked.v1"
NEW = "nine herons over a still weir"

type Happens = Callable[[httpx.AsyncClient, Resources, dict[str, Any]], Awaitable[httpx.Response]]


async def reset_password(
    client: httpx.AsyncClient, resources: Resources, _tokens: dict[str, Any]
) -> httpx.Response:
    await client.post("/api/v1/auth/forgot-password", json={"email": "ada@example.com"})
    token = await mailed_token(resources, LinkPurpose.RESET_PASSWORD)
    body = {"token": token, "password": NEW}
    return await client.post("/api/v1/auth/reset-password", json=body)


async def change_password(
    client: httpx.AsyncClient, _resources: Resources, tokens: dict[str, Any]
) -> httpx.Response:
    body = {"current_password": PASSWORD, "new_password": NEW}
    path = "/api/v1/auth/change-password"
    return await client.post(path, json=body, headers=headers_of(tokens))


def staff_does(action: str) -> Happens:
    async def happen(
        client: httpx.AsyncClient, resources: Resources, _tokens: dict[str, Any]
    ) -> httpx.Response:
        owner = await account(resources)
        assert owner is not None
        await logged_in(client, resources, "chief")
        async with resources.transaction() as tx:
            root = await tx.accounts.find_by_email("chief@example.com", lock=True)
            assert root is not None
            root.roles = ["admin"]
        headers = headers_of((await log_in(client, "chief")).json())
        path = f"/api/v1/auth/admin/accounts/{owner.id}/{action}"
        return await client.post(path, headers=headers)

    return happen


async def counts(resources: Resources, key: dict[str, Any]) -> bool:
    await Watch(resources.platform).turn()
    try:
        await resources.platform.personal_keys.verify(key["token"])
    except InvalidToken:
        return False
    return True


@pytest.mark.parametrize(
    ("happens", "ends"),
    [
        (reset_password, True),
        (staff_does("disable"), True),
        (staff_does("force-reset"), True),
        # Whoever knows the password sees the tokens, too, and revokes what is not theirs.
        (change_password, False),
        (staff_does("logout"), False),
    ],
    ids=["reset", "disable", "force-reset", "change", "logout"],
)
async def test_what_makes_an_account_doubtful_ends_its_tokens(
    client: httpx.AsyncClient, resources: Resources, happens: Happens, *, ends: bool
) -> None:
    tokens = await logged_in(client, resources)
    keys = [await issued_key(client, tokens) for _ in range(2)]
    stranger = await issued_key(client, await logged_in(client, resources, "grace"))
    assert all([await counts(resources, key) for key in keys])
    assert (await happens(client, resources, tokens)).status_code == 204
    assert [await counts(resources, key) for key in keys] == [not ends] * 2
    assert await counts(resources, stranger)
    told = {event["key_id"] for event in await events_of(resources, REVOKED)}
    assert told == ({key["id"] for key in keys} if ends else set())


async def test_an_account_that_is_enabled_again_gets_no_token_back(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    key = await issued_key(client, tokens)
    for action in ("disable", "enable"):
        assert (await staff_does(action)(client, resources, tokens)).status_code == 204
    assert not await counts(resources, key)


async def test_a_token_issued_beside_a_reset_does_not_outlive_it(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    await client.post("/api/v1/auth/forgot-password", json={"email": "ada@example.com"})
    token = await mailed_token(resources, LinkPurpose.RESET_PASSWORD)
    body = {"token": token, "password": NEW}
    issues = [issue_key(client, tokens) for _ in range(20)]
    reset, *answers = await asyncio.gather(
        client.post("/api/v1/auth/reset-password", json=body), *issues
    )
    assert reset.status_code == 204
    assert {answer.status_code for answer in answers} <= {201, 401}
    async with resources.platform.database.reads() as connection:
        row = models.PersonalKey
        left = select(func.count()).where(row.revoked_at.is_(None))
        assert (await connection.execute(left)).scalar_one() == 0


async def test_a_snapshot_tells_the_tokens_that_count(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    keys = [await issued_key(client, tokens) for _ in range(3)]
    await client.delete(f"/api/v1/auth/keys/{keys[1]['id']}", headers=headers_of(tokens))
    path = f"/internal/snapshots/{KeyIssued.wire_name}"
    headers = bearer(mint_internal_token("posts", "auth"))
    first = (await client.get(path, params={"limit": 1}, headers=headers)).json()
    query = {"limit": 2, "after": first["next_key"]}
    rest = (await client.get(path, params=query, headers=headers)).json()
    rows = [*first["rows"], *rest["rows"]]
    assert [row["token_hash"] for row in rows] == [
        digest_of(keys[0]["token"]).hex(),
        digest_of(keys[2]["token"]).hex(),
    ]
    assert rows[0] == (await events_of(resources, KeyIssued.wire_name))[0]
    assert_problem(await client.get(path), 401)
