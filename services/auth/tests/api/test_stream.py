"""What an operator sees of auth as a producer."""

from datetime import datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from auth_service.resources import Resources
from common.outbox import Relay
from common.testing.conformance import assert_problem
from common.testing.keys import bearer, mint_internal_token
from services.auth.tests.factories import register


def users() -> dict[str, str]:
    return bearer(mint_internal_token("users", "auth"))


async def stream(client: httpx.AsyncClient) -> dict[str, Any]:
    answer: dict[str, Any] = (await client.get("/internal/stream", headers=users())).json()
    return answer


async def distance(client: httpx.AsyncClient, after: int) -> httpx.Response:
    params = {"epoch": (await stream(client))["head_epoch"], "after": after}
    return await client.get("/internal/stream/distance", params=params, headers=users())


async def assign(resources: Resources) -> None:
    platform = resources.platform
    await Relay("auth", platform.database, platform.streams).assign()


async def age_everything(resources: Resources) -> None:
    async with resources.transaction() as tx:
        for table in ("outbox", "event_log"):
            old = text(f"UPDATE {table} SET occurred_at = now() - interval '1 min'")  # noqa: S608 — literals.
            await tx.session.execute(old)


async def test_a_producer_tells_what_has_no_position_yet(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await register(client, "ada")
    await age_everything(resources)
    figures = await stream(client)
    assert (figures["head_epoch"], figures["head_position"]) == (0, 0)
    assert (figures["outbox_depth"], figures["first_position"]) == (1, None)
    assert 60 <= figures["outbox_oldest_seconds"] < 90

    await assign(resources)
    figures = await stream(client)
    assert (figures["head_epoch"] > 0, figures["head_position"]) == (True, 1)
    assert (figures["outbox_depth"], figures["outbox_oldest_seconds"]) == (0, 0)
    assert figures["first_position"] == 1
    (epoch,) = figures["epochs"]
    assert (epoch["epoch"], epoch["start_position"]) == (figures["head_epoch"], 1)


async def test_a_producer_tells_who_reads_it(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await register(client, "ada")
    await assign(resources)
    head = (await stream(client))["head_epoch"]
    params: dict[str, Any] = {"consumer": "users", "epoch": head, "after": 1}
    await client.get("/internal/events", params=params, headers=users())
    (reader,) = (await stream(client))["readers"]
    assert (reader["name"], reader["epoch"], reader["position"]) == ("users", head, 1)
    assert datetime.fromisoformat(reader["seen_at"]).tzinfo


@pytest.mark.parametrize(("after", "behind"), [(0, 3), (2, 1), (3, 0)])
async def test_a_cursor_learns_how_far_it_is_behind(
    client: httpx.AsyncClient, resources: Resources, after: int, behind: int
) -> None:
    for name in ("ada", "grace", "edith"):
        await register(client, name)
    await assign(resources)
    await age_everything(resources)
    answer = (await distance(client, after)).json()
    assert (answer["head_position"], answer["resume_at"], answer["behind"]) == (
        3,
        after + 1,
        behind,
    )
    assert (answer["oldest_seconds"] >= 60) is (behind > 0)
    assert (await stream(client))["readers"] == []


async def test_a_cursor_beyond_the_head_and_one_past_retention_are_told_apart(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    for name in ("ada", "grace"):
        await register(client, name)
    await assign(resources)
    ahead = await distance(client, 9)
    assert assert_problem(ahead, 409)["code"] == "common.cursor_ahead"
    async with resources.transaction() as tx:
        await tx.session.execute(text("DELETE FROM event_log WHERE position = 1"))
    gone = await distance(client, 0)
    assert (gone.status_code, gone.json()["code"]) == (410, "common.events_gone")
