"""The accounts that exist, for services that fell behind the log."""

import httpx

from auth_service.resources import Resources
from common.testing.conformance import assert_problem
from common.testing.keys import bearer, mint_internal_token
from services.auth.tests.factories import logged_in, register

PATH = "/internal/snapshots/auth.account_registered.v1"


async def test_verified_accounts_are_told_page_by_page(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    for name in ("ada", "grace", "edith"):
        await logged_in(client, resources, name)
    await register(client, "nobody_yet")
    headers = bearer(mint_internal_token("users", "auth"))
    names: list[str] = []
    after: list[str] | None = []
    while after is not None:
        answer = await client.get(PATH, params={"limit": 2, "after": after}, headers=headers)
        page = answer.json()
        names += [row["username"] for row in page["rows"]]
        after = page["next_key"]
    assert names == ["ada", "grace", "edith"]
    assert (page["head_epoch"], page["head_position"]) == (0, 0)


async def test_an_unknown_snapshot_is_not_found(client: httpx.AsyncClient) -> None:
    headers = bearer(mint_internal_token("users", "auth"))
    answer = await client.get("/internal/snapshots/auth.nothing.v1", headers=headers)
    assert assert_problem(answer, 404)["code"] == "common.snapshot_unknown"
