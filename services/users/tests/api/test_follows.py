"""Following over HTTP: repeated without harm, and told once."""

import asyncio
from datetime import datetime

import httpx

from common.testing.conformance import assert_problem
from services.users.tests.factories import Person, arrive, event_types, events, follows
from users_service.resources import Resources

ADA = Person("ada")
GRACE = Person("grace")


async def follow(client: httpx.AsyncClient, followee: Person = GRACE) -> httpx.Response:
    return await client.put(f"{followee.path}/follow", headers=ADA.headers)


async def unfollow(client: httpx.AsyncClient, followee: Person = GRACE) -> httpx.Response:
    return await client.delete(f"{followee.path}/follow", headers=ADA.headers)


async def test_following_somebody_is_kept_and_told(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await arrive(client, ADA, GRACE)
    response = await follow(client)

    assert (response.status_code, response.content) == (204, b"")
    assert await follows(resources) == [(ADA.id, GRACE.id)]
    kind, key, payload = (await events(resources))[-1]
    assert (kind, key) == ("users.user_followed.v1", f"{ADA.id}:{GRACE.id}")
    assert datetime.fromisoformat(payload.pop("followed_at")).tzinfo is not None
    assert payload == {"follower_id": str(ADA.id), "followee_id": str(GRACE.id)}


async def test_following_may_be_the_first_request(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await arrive(client, GRACE)
    assert (await follow(client)).status_code == 204
    expected = ["profile_changed", "profile_changed", "user_followed"]
    assert await event_types(resources) == expected


async def test_following_twice_is_told_once(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await arrive(client, GRACE)
    assert (await follow(client)).status_code == 204
    assert (await follow(client)).status_code == 204
    assert (await event_types(resources)).count("user_followed") == 1


async def test_following_many_times_at_once_is_told_once(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await arrive(client, GRACE)
    responses = await asyncio.gather(*(follow(client) for _ in range(6)))
    assert {response.status_code for response in responses} == {204}
    assert await follows(resources) == [(ADA.id, GRACE.id)]
    expected = ["profile_changed", "profile_changed", "user_followed"]
    assert await event_types(resources) == expected


async def test_unfollowing_is_told_once(client: httpx.AsyncClient, resources: Resources) -> None:
    await arrive(client, ADA, GRACE)
    await follow(client)
    responses = await asyncio.gather(*(unfollow(client) for _ in range(4)))

    assert {response.status_code for response in responses} == {204}
    assert await follows(resources) == []
    kind, key, payload = (await events(resources))[-1]
    assert (kind, key) == ("users.user_unfollowed.v1", f"{ADA.id}:{GRACE.id}")
    assert payload.keys() == {"follower_id", "followee_id", "unfollowed_at"}
    assert (await event_types(resources)).count("user_unfollowed") == 1


async def test_unfollowing_whom_one_does_not_follow_changes_nothing(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await arrive(client, GRACE)
    assert (await unfollow(client)).status_code == 204
    assert await event_types(resources) == ["profile_changed"]


async def test_follows_and_unfollows_at_once_are_told_in_the_order_they_happened(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await arrive(client, ADA, GRACE)
    await asyncio.gather(*(call(client) for _ in range(10) for call in (follow, unfollow)))
    told = [kind for kind in await event_types(resources) if kind != "profile_changed"]
    assert told == [("user_followed", "user_unfollowed")[n % 2] for n in range(len(told))]
    assert len(await follows(resources)) == len(told) % 2


async def test_nobody_can_follow_themselves(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    problem = assert_problem(await follow(client, ADA), 409)
    assert problem["code"] == "users.self_follow"
    assert await follows(resources) == []


async def test_an_unknown_user_cannot_be_followed(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    for response in (await follow(client), await unfollow(client)):
        assert assert_problem(response, 404)["code"] == "users.user_not_found"
    assert await events(resources) == []


async def test_following_needs_a_token(client: httpx.AsyncClient) -> None:
    assert_problem(await client.put(f"{GRACE.path}/follow"), 401)
    assert_problem(await client.delete(f"{GRACE.path}/follow"), 401)
