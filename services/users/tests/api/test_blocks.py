"""Blocking over HTTP: repeated without harm, told once, and stronger than any follow."""

import asyncio
from datetime import datetime

import httpx

from common.testing.conformance import assert_problem
from services.users.tests.factories import (
    BLOCKS,
    Person,
    arrive,
    blocks,
    event_types,
    events,
    follows,
    listed,
)
from users_service.resources import Resources

ADA = Person("ada")
GRACE = Person("grace")
EDITH = Person("edith")


async def block(
    client: httpx.AsyncClient, blocked: Person = GRACE, blocker: Person = ADA
) -> httpx.Response:
    return await client.put(f"{blocked.path}/block", headers=blocker.headers)


async def unblock(
    client: httpx.AsyncClient, blocked: Person = GRACE, blocker: Person = ADA
) -> httpx.Response:
    return await client.delete(f"{blocked.path}/block", headers=blocker.headers)


async def follow(client: httpx.AsyncClient, follower: Person, followee: Person) -> httpx.Response:
    return await client.put(f"{followee.path}/follow", headers=follower.headers)


async def test_blocking_somebody_is_kept_and_told(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await arrive(client, ADA, GRACE)
    response = await block(client)

    assert (response.status_code, response.content) == (204, b"")
    assert await blocks(resources) == [(ADA.id, GRACE.id)]
    kind, key, payload = (await events(resources))[-1]
    assert (kind, key) == ("users.user_blocked.v1", f"{ADA.id}:{GRACE.id}")
    assert datetime.fromisoformat(payload.pop("blocked_at")).tzinfo is not None
    assert payload == {"blocker_id": str(ADA.id), "blocked_id": str(GRACE.id)}


async def test_blocking_may_be_the_first_request(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await arrive(client, GRACE)
    assert (await block(client)).status_code == 204
    expected = ["profile_changed", "profile_changed", "user_blocked"]
    assert await event_types(resources) == expected


async def test_blocking_and_unblocking_many_times_at_once_are_told_once_each(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await arrive(client, ADA, GRACE)
    for call in (block, unblock):
        responses = await asyncio.gather(*(call(client) for _ in range(5)))
        assert {response.status_code for response in responses} == {204}
    assert await blocks(resources) == []
    assert (await event_types(resources))[2:] == ["user_blocked", "user_unblocked"]
    kind, key, payload = (await events(resources))[-1]
    assert (kind, key) == ("users.user_unblocked.v1", f"{ADA.id}:{GRACE.id}")
    assert payload.keys() == {"blocker_id", "blocked_id", "unblocked_at"}


async def test_a_block_ends_the_follows_of_both_and_tells_each_end(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await arrive(client, ADA, GRACE, EDITH)
    for follower, followee in ((ADA, GRACE), (GRACE, ADA), (EDITH, GRACE), (ADA, EDITH)):
        await follow(client, follower, followee)
    before = len(await events(resources))
    await block(client)

    assert set(await follows(resources)) == {(EDITH.id, GRACE.id), (ADA.id, EDITH.id)}
    told = (await events(resources))[before:]
    assert {(kind, key) for kind, key, _ in told[:2]} == {
        ("users.user_unfollowed.v1", f"{ADA.id}:{GRACE.id}"),
        ("users.user_unfollowed.v1", f"{GRACE.id}:{ADA.id}"),
    }
    assert [kind for kind, _, _ in told[2:]] == ["users.user_blocked.v1"]


async def test_neither_can_follow_the_other_and_both_are_told_the_same(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await arrive(client, ADA, GRACE)
    await block(client)
    refusals = [
        assert_problem(await follow(client, *pair), 403) for pair in ((ADA, GRACE), (GRACE, ADA))
    ]
    assert refusals[0]["code"] == "users.follow_not_allowed"
    first, second = ({**each, "request_id": ""} for each in refusals)
    assert first == second
    assert await follows(resources) == []


async def test_after_an_unblock_follows_are_possible_and_none_comes_back(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await arrive(client, ADA, GRACE)
    await follow(client, GRACE, ADA)
    await block(client)
    await unblock(client)
    assert await follows(resources) == []
    assert (await follow(client, GRACE, ADA)).status_code == 204
    assert await follows(resources) == [(GRACE.id, ADA.id)]


async def test_who_is_blocked_may_block_too_and_one_unblock_does_not_open_the_way(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await arrive(client, ADA, GRACE)
    for blocker, blocked in ((ADA, GRACE), (GRACE, ADA)):
        assert (await block(client, blocked, blocker)).status_code == 204
    await unblock(client)
    assert await blocks(resources) == [(GRACE.id, ADA.id)]
    assert_problem(await follow(client, ADA, GRACE), 403)


async def test_follows_and_blocks_at_once_never_leave_both(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await arrive(client, ADA, GRACE)
    for _ in range(6):
        calls = [follow(client, ADA, GRACE), block(client), follow(client, GRACE, ADA)]
        await asyncio.gather(*calls)
        assert await follows(resources) == []
        await unblock(client)
    for pair in (f"{ADA.id}:{GRACE.id}", f"{GRACE.id}:{ADA.id}"):
        told = [
            kind.split(".")[1]
            for kind, key, _ in await events(resources)
            if key == pair and "follow" in kind
        ]
        assert told == [("user_followed", "user_unfollowed")[n % 2] for n in range(len(told))]
        assert len(told) % 2 == 0


async def test_nobody_can_block_themselves(client: httpx.AsyncClient, resources: Resources) -> None:
    await arrive(client, ADA)
    assert assert_problem(await block(client, ADA), 409)["code"] == "users.self_block"
    assert await blocks(resources) == []


async def test_an_unknown_user_cannot_be_blocked(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    for response in (await block(client), await unblock(client)):
        assert assert_problem(response, 404)["code"] == "users.user_not_found"
    assert await events(resources) == []


async def test_blocking_needs_a_token(client: httpx.AsyncClient) -> None:
    assert_problem(await client.put(f"{GRACE.path}/block"), 401)
    assert_problem(await client.delete(f"{GRACE.path}/block"), 401)
    assert_problem(await client.get(BLOCKS), 401)


async def test_one_lists_whom_one_blocks_newest_first_and_nobody_elses(
    client: httpx.AsyncClient,
) -> None:
    people = [Person(f"person{n}") for n in range(5)]
    await arrive(client, ADA, *people)
    for person in people:
        await block(client, person)
    await block(client, ADA, people[0])
    assert await listed(client, BLOCKS, ADA) == [person.username for person in people[::-1]]
    assert await listed(client, BLOCKS, people[0]) == ["ada"]
    assert await listed(client, BLOCKS, people[1]) == []
    [item] = (await client.get(BLOCKS, headers=people[0].headers)).json()["items"]
    assert item.keys() == {"id", "username", "display_name", "since"}
    assert item["id"] == str(ADA.id)
