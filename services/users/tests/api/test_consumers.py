"""What an operator sees of users as a consumer of auth, and what they may do to it."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import respx
from fastapi import FastAPI
from sqlalchemy import select, text, update

from common.contracts import AccountRegistered, Event
from common.db import Database
from common.ids import new_id
from common.streams import Effects
from common.streams.tables import LostRange, ParkedEvent, StreamCursor
from common.testing.conformance import assert_problem
from common.testing.keys import bearer, mint_internal_token
from common.testing.producers import Producer, serve_producer
from devstack.fixtures import Databases, ValkeyDatabase
from services.users.tests.factories import Person, events, usernames
from users_service.consumers import HANDLERS
from users_service.resources import Resources

CONSUMERS = "/internal/consumers"
AUTH = f"{CONSUMERS}/auth"
ADA, GRACE = Person("ada"), Person("grace")


class Poison(Event):
    """What no handler of an account can read."""

    wire_name = AccountRegistered.wire_name


@pytest.fixture
async def auth_app(
    auth: Producer, service_database: Databases, valkey_database: ValkeyDatabase
) -> AsyncIterator[FastAPI]:
    async with serve_producer("auth", service_database, valkey_database) as served:
        yield served


@pytest.fixture
async def reachable_auth(auth_app: FastAPI, resources: Resources) -> AsyncIterator[FastAPI]:
    """Auth's internal routes at the address at which users looks for them."""
    url = resources.settings.peers["auth"].url
    async with respx.mock(base_url=url, assert_all_called=False) as router:
        router.route().mock(side_effect=httpx.ASGITransport(auth_app).handle_async_request)
        yield auth_app


async def ask(client: httpx.AsyncClient, path: str, **params: Any) -> httpx.Response:
    headers = bearer(mint_internal_token("posts", "users"))
    return await client.get(path, params=params, headers=headers)


async def tell(client: httpx.AsyncClient, path: str, **body: Any) -> httpx.Response:
    headers = bearer(mint_internal_token("posts", "users"))
    return await client.post(path, json=body, headers=headers)


async def parked(client: httpx.AsyncClient, **params: Any) -> list[dict[str, Any]]:
    answer = await ask(client, f"{AUTH}/parked", **params)
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def rows(resources: Resources) -> list[ParkedEvent]:
    async with resources.transaction() as tx:
        return list(await tx.session.scalars(select(ParkedEvent).order_by(ParkedEvent.position)))


@pytest.fixture
async def key(auth: Producer) -> str:
    """A key of which one event failed and one waits behind it; a second key failed too."""
    await auth.heard(Poison(), ADA.registered(), key="a")
    await auth.heard(Poison(), key="b")
    return "a"


async def test_a_consumer_tells_its_cursor_and_what_waits(
    key: str, client: httpx.AsyncClient
) -> None:
    (state,) = (await ask(client, CONSUMERS)).json()["items"]
    assert state["producer"] == "auth"
    assert (state["epoch"], state["position"]) == (1, 4)
    assert (state["parked_events"], state["parked_keys"]) == (3, 2)
    assert (state["ghosts"], state["skipped"], state["bootstrap_requested_at"]) == (0, 0, None)


async def test_parked_events_are_listed_in_order_page_by_page(
    key: str, client: httpx.AsyncClient
) -> None:
    first = (await ask(client, f"{AUTH}/parked", limit=2)).json()
    rest = (await ask(client, f"{AUTH}/parked", limit=2, cursor=first["next_cursor"])).json()
    items = first["items"] + rest["items"]
    assert [item["position"] for item in items] == [2, 3, 4]
    assert [item["is_first"] for item in items] == [True, False, True]
    assert [item["attempts"] for item in items] == [1, 0, 1]
    assert "account_id" in items[0]["error"]
    assert rest["next_cursor"] is None
    assert [item["position"] for item in await parked(client, key="a")] == [2, 3]


async def test_one_event_is_shown_as_it_came(key: str, client: httpx.AsyncClient) -> None:
    behind = (await parked(client))[1]
    shown = (await ask(client, f"{AUTH}/parked/{behind['event_id']}")).json()
    assert shown["envelope"]["payload"] == ADA.registered().model_dump(mode="json")
    assert shown.items() >= behind.items()
    problem = assert_problem(await ask(client, f"{AUTH}/parked/{new_id()}"), 404)
    assert problem["code"] == "common.event_not_parked"


@pytest.mark.parametrize(
    ("chosen", "due"), [({"all": True}, 2), ({"key": "a"}, 1), ({"key": "none"}, 0)]
)
async def test_a_retry_makes_the_first_of_each_key_due(
    key: str, client: httpx.AsyncClient, resources: Resources, chosen: dict[str, Any], due: int
) -> None:
    async with resources.transaction() as tx:
        await tx.session.execute(update(ParkedEvent).values(attempts=6, next_at=None))
    assert (await tell(client, f"{AUTH}/parked/retry", **chosen)).json() == {"due": due}
    mended = [row.position for row in await rows(resources) if row.next_at and not row.attempts]
    assert mended == [2, 4][:due]


async def test_a_retry_of_one_event_takes_the_first_of_its_key_only(
    key: str, client: httpx.AsyncClient
) -> None:
    first, behind, _ = [event["event_id"] for event in await parked(client)]
    answer = await tell(client, f"{AUTH}/parked/retry", event_id=first)
    assert answer.json() == {"due": 1}
    problem = assert_problem(await tell(client, f"{AUTH}/parked/retry", event_id=behind), 409)
    assert problem["code"] == "common.event_behind"
    assert first in problem["detail"]


@pytest.mark.parametrize("chosen", [{}, {"all": True, "key": "a"}, {"event_id": "x"}])
async def test_a_retry_names_what_to_retry(
    key: str, client: httpx.AsyncClient, chosen: dict[str, Any]
) -> None:
    assert_problem(await tell(client, f"{AUTH}/parked/retry", **chosen), 422)


async def test_after_a_skip_the_next_of_the_key_takes_effect(
    key: str, client: httpx.AsyncClient, resources: Resources
) -> None:
    first, behind, _ = [event["event_id"] for event in await parked(client)]
    answer = await tell(client, f"{AUTH}/parked/skip", event_id=first, reason="empty", by="ada")
    assert answer.json() == {"next_event_id": behind}

    assert await Effects("auth", HANDLERS, resources.transaction).retry()
    assert await usernames(resources) == ["ada"]
    assert [event["key"] for event in await parked(client)] == ["b"]
    (skipped,) = await parked(client, skipped=True)
    assert (skipped["event_id"], skipped["skip_reason"]) == (first, "empty")
    assert skipped["is_first"] is False
    again = await tell(client, f"{AUTH}/parked/skip", event_id=first, reason="again")
    assert assert_problem(again, 404)["code"] == "common.event_not_parked"


async def test_only_the_first_of_a_key_can_be_skipped_and_only_for_a_reason(
    key: str, client: httpx.AsyncClient
) -> None:
    first, behind, _ = [event["event_id"] for event in await parked(client)]
    refused = await tell(client, f"{AUTH}/parked/skip", event_id=behind, reason="impatient")
    assert assert_problem(refused, 409)["code"] == "common.event_behind"
    for reason in ({}, {"reason": ""}):
        assert_problem(await tell(client, f"{AUTH}/parked/skip", event_id=first, **reason), 422)
    assert len(await parked(client)) == 3


async def test_a_rewind_applies_again_and_does_nothing_twice(
    auth: Producer, reachable_auth: FastAPI, client: httpx.AsyncClient, resources: Resources
) -> None:
    await auth.heard(ADA.registered(), GRACE.registered())
    told = await events(resources)
    answer = await tell(client, f"{AUTH}/rewind", position=0, reason="a drill")
    assert answer.json() == {"before": "1-3", "after": "1-0"}

    await auth.is_heard()
    (state,) = (await ask(client, CONSUMERS)).json()["items"]
    assert state["position"] == 3
    assert await events(resources) == told


async def test_a_rewind_leads_back_and_never_ahead(
    auth: Producer, reachable_auth: FastAPI, client: httpx.AsyncClient
) -> None:
    problem = assert_problem(await tell(client, f"{AUTH}/rewind", position=2), 409)
    assert problem["code"] == "common.rewind_ahead"


async def test_a_rewind_past_retention_is_refused(
    auth: Producer, reachable_auth: FastAPI, client: httpx.AsyncClient
) -> None:
    await auth.heard(ADA.registered(), GRACE.registered())
    await log_of(reachable_auth, "DELETE FROM event_log WHERE position < 3")
    problem = assert_problem(await tell(client, f"{AUTH}/rewind", position=0), 409)
    assert problem["code"] == "common.rewind_refused"
    assert "begins at 1-3" in problem["detail"]
    assert (await tell(client, f"{AUTH}/rewind", position=2)).status_code == 200


async def test_a_rewind_does_not_hide_ghosts(
    auth: Producer, reachable_auth: FastAPI, client: httpx.AsyncClient
) -> None:
    await auth.heard(ADA.registered(), GRACE.registered())
    await log_of(
        reachable_auth,
        "UPDATE event_log SET epoch = 2 WHERE position = 3",
        "INSERT INTO epochs (epoch, start_position) VALUES (2, 3)",
        "UPDATE stream_head SET epoch = 2",
    )
    problem = assert_problem(await tell(client, f"{AUTH}/rewind", position=0), 409)
    assert problem["code"] == "common.rewind_refused"


async def test_a_cursor_beyond_the_head_can_be_rewound(
    auth: Producer, reachable_auth: FastAPI, client: httpx.AsyncClient, resources: Resources
) -> None:
    async with resources.transaction() as tx:
        await tx.session.execute(update(StreamCursor).values(position=99))
    assert (await tell(client, f"{AUTH}/rewind", position=1)).json()["after"] == "1-1"


async def test_without_its_producer_a_cursor_is_not_rewound(
    auth: Producer, client: httpx.AsyncClient
) -> None:
    problem = assert_problem(await tell(client, f"{AUTH}/rewind", position=0), 503)
    assert problem["code"] == "common.peer_unavailable"


async def test_a_wish_for_a_bootstrap_is_shown_until_it_is_granted(
    auth: Producer, client: httpx.AsyncClient
) -> None:
    await auth.heard(ADA.registered())
    answer = await tell(client, f"{AUTH}/bootstrap", reason="a bug in the copies")
    assert answer.status_code == 202
    (state,) = (await ask(client, CONSUMERS)).json()["items"]
    assert state["bootstrap_requested_at"] == answer.json()["requested_at"]


async def test_the_rows_that_carry_ghosts_can_be_queried(
    auth: Producer, client: httpx.AsyncClient, resources: Resources
) -> None:
    await auth.heard(ADA.registered(), GRACE.registered())
    async with resources.transaction() as tx:
        for kind, first in (("ghosts", 3), ("skipped", 7)):
            lost = {"producer": "auth", "epoch": 1, "first_position": first, "last_position": 9}
            tx.session.add(LostRange(kind=kind, **lost))
    ghosts, skipped = sorted(
        (await ask(client, f"{AUTH}/lost-ranges")).json()["items"], key=lambda lost: lost["kind"]
    )
    assert (ghosts["epoch"], ghosts["first_position"], ghosts["last_position"]) == (1, 3, 9)
    assert skipped["queries"] == []
    # Each table whose rows say which event wrote them: personal access tokens, profiles.
    async with resources.transaction() as tx:
        keys, profiles = [
            (await tx.session.execute(text(query))).all() for query in ghosts["queries"]
        ]
    assert keys == []
    assert [found.username for found in profiles] == ["grace"]
    (state,) = (await ask(client, CONSUMERS)).json()["items"]
    assert (state["ghosts"], state["skipped"]) == (1, 1)


@pytest.mark.parametrize("path", ["parked", "lost-ranges"])
async def test_who_consumes_nothing_of_a_service_says_so(
    auth: Producer, client: httpx.AsyncClient, path: str
) -> None:
    problem = assert_problem(await ask(client, f"{CONSUMERS}/posts/{path}"), 404)
    assert problem["code"] == "common.producer_unknown"


@pytest.mark.parametrize(("path", "body"), [("rewind", {"position": 0}), ("bootstrap", {})])
async def test_nothing_is_done_to_a_cursor_that_is_not_there(
    auth: Producer, client: httpx.AsyncClient, path: str, body: dict[str, Any]
) -> None:
    assert_problem(await tell(client, f"{CONSUMERS}/posts/{path}", **body), 404)


async def log_of(app: FastAPI, *statements: str) -> None:
    """Change a producer's log as retention or a restore would."""
    database: Database = app.state.resources.platform.database
    async with database.transaction() as session:
        for statement in statements:
            await session.execute(text(statement))
