"""Muting over HTTP: repeated without harm, told once, and kept from everybody else."""

import asyncio
from datetime import datetime

import httpx

from common.testing.conformance import assert_problem
from services.users.tests.factories import (
    MUTES,
    Person,
    arrive,
    event_types,
    events,
    follows,
    listed,
    mutes,
)
from users_service.resources import Resources

ADA = Person("ada")
GRACE = Person("grace")


async def mute(client: httpx.AsyncClient, muted: Person = GRACE) -> httpx.Response:
    return await client.put(f"{muted.path}/mute", headers=ADA.headers)


async def unmute(client: httpx.AsyncClient, muted: Person = GRACE) -> httpx.Response:
    return await client.delete(f"{muted.path}/mute", headers=ADA.headers)


async def test_muting_somebody_is_kept_and_told(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await arrive(client, ADA, GRACE)
    response = await mute(client)

    assert (response.status_code, response.content) == (204, b"")
    assert await mutes(resources) == [(ADA.id, GRACE.id)]
    kind, key, payload = (await events(resources))[-1]
    assert (kind, key) == ("users.user_muted.v1", f"{ADA.id}:{GRACE.id}")
    assert datetime.fromisoformat(payload.pop("muted_at")).tzinfo is not None
    assert payload == {"muter_id": str(ADA.id), "muted_id": str(GRACE.id)}


async def test_muting_may_be_the_first_request(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await arrive(client, GRACE)
    assert (await mute(client)).status_code == 204
    expected = ["profile_changed", "profile_changed", "user_muted"]
    assert await event_types(resources) == expected


async def test_muting_and_unmuting_many_times_at_once_are_told_once_each(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await arrive(client, ADA, GRACE)
    for call in (mute, unmute):
        responses = await asyncio.gather(*(call(client) for _ in range(5)))
        assert {response.status_code for response in responses} == {204}
    assert await mutes(resources) == []
    assert (await event_types(resources))[2:] == ["user_muted", "user_unmuted"]
    kind, key, payload = (await events(resources))[-1]
    assert (kind, key) == ("users.user_unmuted.v1", f"{ADA.id}:{GRACE.id}")
    assert payload.keys() == {"muter_id", "muted_id", "unmuted_at"}


async def test_a_mute_leaves_follows_as_they_are(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await arrive(client, ADA, GRACE)
    await client.put(f"{GRACE.path}/follow", headers=ADA.headers)
    await mute(client)
    await client.put(f"{ADA.path}/follow", headers=GRACE.headers)
    assert set(await follows(resources)) == {(ADA.id, GRACE.id), (GRACE.id, ADA.id)}


async def test_nobody_can_mute_themselves(client: httpx.AsyncClient, resources: Resources) -> None:
    await arrive(client, ADA)
    assert assert_problem(await mute(client, ADA), 409)["code"] == "users.self_mute"
    assert await mutes(resources) == []


async def test_an_unknown_user_cannot_be_muted(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    for response in (await mute(client), await unmute(client)):
        assert assert_problem(response, 404)["code"] == "users.user_not_found"
    assert await events(resources) == []


async def test_muting_needs_a_token(client: httpx.AsyncClient) -> None:
    assert_problem(await client.put(f"{GRACE.path}/mute"), 401)
    assert_problem(await client.delete(f"{GRACE.path}/mute"), 401)
    assert_problem(await client.get(MUTES), 401)


async def test_one_lists_whom_one_mutes_newest_first_and_nobody_elses(
    client: httpx.AsyncClient,
) -> None:
    people = [Person(f"person{n}") for n in range(5)]
    await arrive(client, ADA, *people)
    for person in people:
        await mute(client, person)
    assert await listed(client, MUTES, ADA) == [person.username for person in people[::-1]]
    assert await listed(client, MUTES, people[0]) == []
