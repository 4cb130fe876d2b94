"""The log by HTTP: what consumers read when Redis has a gap or is away."""

import asyncio
from typing import Any

import httpx
import pytest

from auth_service.resources import Resources
from common.http.client import DEADLINE
from common.outbox import Relay
from common.place import Place
from common.streams.sources import Log
from common.testing.conformance import assert_problem
from common.testing.keys import bearer, mint_internal_token
from services.auth.tests.factories import register


def users() -> dict[str, str]:
    """Return the header of a call of users, minted when it is made: it lives a minute."""
    return bearer(mint_internal_token("users", "auth"))


async def assign(resources: Resources) -> None:
    platform = resources.platform
    await Relay("auth", platform.database, platform.streams).assign()


async def read(client: httpx.AsyncClient, **query: Any) -> httpx.Response:
    params = {"consumer": "users", "epoch": 0, "after": 0, **query}
    return await client.get("/internal/events", params=params, headers=users())


async def test_the_log_is_read_in_order_from_any_place(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    for name in ("ada", "grace", "edith"):
        await register(client, name)
    await assign(resources)
    first = (await read(client, limit=2)).json()
    assert [event["position"] for event in first["events"]] == [1, 2]
    assert (first["head_position"], first["resume_at"]) == (3, 1)
    rest = (await read(client, epoch=first["head_epoch"], after=2)).json()
    assert [event["payload"]["username"] for event in rest["events"]] == ["edith"]


async def test_a_reader_at_the_head_waits_for_the_next_event(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    waiting = asyncio.create_task(read(client, wait=20))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    await register(client)
    await assign(resources)
    page = (await asyncio.wait_for(waiting, 5)).json()
    assert len(page["events"]) == 1


async def test_a_reader_is_told_that_nothing_came_before_its_time_is_up(
    client: httpx.AsyncClient,
) -> None:
    client.headers[DEADLINE] = "1500"
    answer = await read(client, wait=20)
    assert answer.status_code == 200
    assert answer.json()["events"] == []


async def test_a_consumer_parses_what_the_route_answers(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await register(client)
    await assign(resources)

    class Peer:
        """The client of a peer, over the app itself."""

        async def get(self, path: str, **options: Any) -> Any:
            return (await client.get(path, params=options["params"], headers=users())).json()

    replay = await Log("users", Peer()).read(Place(0, 0), wait_seconds=0)  # type: ignore[arg-type] # A peer without a socket.
    assert replay.resume_at == 1
    assert replay.events[0].type == "auth.email_verification_requested.v1"
    assert replay.events[0].headers["X-Request-ID"]


@pytest.mark.parametrize(
    "query", [{"epoch": -1}, {"after": "x"}, {"limit": 0}, {"wait": 21}, {"after": 2**63}]
)
async def test_a_malformed_place_is_refused(
    client: httpx.AsyncClient, query: dict[str, Any]
) -> None:
    assert_problem(await read(client, **query), 422)
