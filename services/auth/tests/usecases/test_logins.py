"""A login writes all of it at once, and whoever changes the account meanwhile comes first."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from auth_service.models import Account
from auth_service.resources import Resources
from common.clock import utc_now
from common.testing.conformance import assert_problem
from common.testing.locks import somebody_waits
from services.auth.tests.api.test_administration import speaks_for
from services.auth.tests.factories import (
    account_held,
    headers_of,
    log_in,
    logged_in,
    statements,
)

PATH = "/api/v1/auth/sessions"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Version/18.5 Safari/604.1"


async def test_a_login_like_those_before_takes_two_statements(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    async with statements(resources) as executed:
        assert (await log_in(client)).status_code == 200
    # The password's hash; session, token and entry of the audit.
    assert [each.split(maxsplit=1)[0] for each in executed] == ["SELECT", "WITH"]


async def test_a_login_that_is_news_is_written_in_a_transaction(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    client.headers["User-Agent"] = PHONE
    async with statements(resources) as executed:
        assert (await log_in(client)).status_code == 200
    # What would have written it at once; the locked account; all of it; the event of the mail.
    assert [each.split(maxsplit=1)[0] for each in executed] == [
        *("SELECT", "WITH", "SELECT", "WITH", "INSERT"),
    ]
    sessions = (await client.get(PATH, headers=headers_of(tokens))).json()["items"]
    assert [each["device"] for each in sessions] == ["Safari on iPhone", "python-httpx"]


async def held_and_changed(
    client: httpx.AsyncClient, resources: Resources, **changes: Any
) -> httpx.Response:
    """The answer to a login that comes while somebody changes the account."""
    async with account_held(resources, "ada@example.com") as tx:
        login = asyncio.create_task(log_in(client))
        await somebody_waits(resources.platform.database)
        account = await tx.accounts.find_by_email("ada@example.com")
        assert account is not None
        for name, value in changes.items():
            setattr(account, name, value)
    return await login


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"password_hash": "of another password"}, 401),
        ({"disabled_at": utc_now()}, 403),
        ({"verified_at": None}, 403),
    ],
)
async def test_a_login_that_had_to_wait_is_refused_by_what_has_changed(
    client: httpx.AsyncClient, resources: Resources, changes: dict[str, Any], status: int
) -> None:
    tokens = await logged_in(client, resources)
    assert_problem(await held_and_changed(client, resources, **changes), status)
    sessions = (await client.get(PATH, headers=headers_of(tokens))).json()["items"]
    assert len(sessions) == 1


async def test_a_login_that_had_to_wait_tells_the_roles_of_now(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    answer = await held_and_changed(client, resources, roles=["support"])
    assert answer.status_code == 200
    assert (await speaks_for(client, resources, answer.json())).roles == {"support"}


async def test_logins_of_one_account_do_not_wait_for_each_other(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    async with resources.transaction() as tx:
        # As a login holds it until it is written.
        assert (await tx.session.scalars(select(Account).with_for_update(read=True))).all()
        async with asyncio.timeout(5):
            assert (await log_in(client)).status_code == 200
