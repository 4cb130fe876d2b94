"""What becomes of auth's events, from a real entry on its stream to the row and the outbox."""

import asyncio

import httpx

from common.contracts import KnownAddressRegistered, UsernameChanged
from common.place import Place
from common.testing.producers import Producer
from services.users.tests.factories import (
    ME,
    Person,
    arrive,
    event_types,
    events,
    profile,
    usernames,
)
from users_service.resources import Resources

ADA = Person("ada")
GRACE = Person("grace")


async def test_a_registered_account_gets_a_profile(auth: Producer, resources: Resources) -> None:
    await auth.heard(ADA.registered())

    row = await profile(resources, ADA)
    assert (row.username, row.display_name, row.bio) == ("ada", "ada", "")
    assert row.username_place == Place(1, 2)
    card = {"user_id": str(ADA.id), "username": "ada", "display_name": "ada"}
    assert await events(resources) == [("users.profile_changed.v1", str(ADA.id), card)]
    assert auth.log_reads == 0


async def test_an_event_after_the_first_request_changes_nothing_that_shows(
    auth: Producer, client: httpx.AsyncClient, resources: Resources
) -> None:
    await arrive(client, ADA)
    body = {"display_name": "Ada Lovelace"}
    before = await client.patch(ME, json=body, headers=ADA.headers)
    await auth.heard(ADA.registered())

    after = await client.get(ME, headers=ADA.headers)
    assert after.content == before.content
    assert (await profile(resources, ADA)).username_place == Place(1, 2)
    assert await event_types(resources) == ["profile_changed", "profile_changed"]


async def test_an_event_corrects_the_username_of_a_token(
    auth: Producer, client: httpx.AsyncClient, resources: Resources
) -> None:
    await arrive(client, ADA)
    await auth.heard(ADA.registered("ada_lovelace"))

    row = await profile(resources, ADA)
    assert row.username == "ada_lovelace"
    assert row.updated_at > row.created_at
    _, _, card = (await events(resources))[-1]
    assert (card["username"], card["display_name"]) == ("ada_lovelace", "ada")


async def test_a_token_does_not_undo_what_an_event_said(
    auth: Producer, client: httpx.AsyncClient, resources: Resources
) -> None:
    await auth.heard(ADA.registered("ada_lovelace"))
    await arrive(client, ADA)
    assert await usernames(resources) == ["ada_lovelace"]


async def test_events_that_come_again_change_nothing(auth: Producer, resources: Resources) -> None:
    await auth.heard(ADA.registered("old_name"), ADA.registered(), GRACE.registered("old_name"))
    told = await events(resources)
    await auth.rewind()

    assert await events(resources) == told
    assert (await profile(resources, ADA)).username_place == Place(1, 3)
    assert sorted(await usernames(resources)) == ["ada", "old_name"]


async def test_the_event_and_first_requests_at_once_make_one_profile(
    auth: Producer, client: httpx.AsyncClient, resources: Resources
) -> None:
    requests = [client.get(ME, headers=ADA.headers) for _ in range(4)]
    responses = await asyncio.gather(auth.heard(ADA.registered()), *requests)
    assert {response.status_code for response in responses if response} == {200}
    assert await event_types(resources) == ["profile_changed"]
    assert (await profile(resources, ADA)).username_place == Place(1, 2)


async def test_a_username_that_auth_gave_to_another_is_taken_from_its_holder(
    auth: Producer, client: httpx.AsyncClient, resources: Resources
) -> None:
    lost = Person("ada")
    await auth.heard(lost.registered())
    await auth.heard(ADA.registered())

    assert (await profile(resources, ADA)).username == "ada"
    assert (await profile(resources, lost)).username == str(lost.id)
    told = [(card["user_id"], card["username"]) for _, _, card in await events(resources)]
    assert told[1:] == [(str(lost.id), str(lost.id)), (str(ADA.id), "ada")]
    assert (await client.get(ADA.path)).json()["id"] == str(ADA.id)


async def test_events_that_do_not_concern_users_are_passed_over(
    auth: Producer, resources: Resources
) -> None:
    other = KnownAddressRegistered(account_id=ADA.id, email="ada@example.com", username="ada")
    await auth.heard(other, GRACE.registered())
    assert await usernames(resources) == ["grace"]


async def test_a_rebuild_corrects_usernames_and_keeps_profiles(
    auth: Producer, client: httpx.AsyncClient, resources: Resources
) -> None:
    await auth.heard(ADA.registered(), GRACE.registered())
    await auth.rebuild(ADA.registered("ada_lovelace"))

    assert (await profile(resources, ADA)).username == "ada_lovelace"
    assert (await profile(resources, GRACE)).username == "grace"


async def test_a_change_of_the_username_is_copied_and_frees_the_former_one(
    auth: Producer, resources: Resources
) -> None:
    await auth.heard(ADA.registered(), GRACE.registered())
    await auth.heard(UsernameChanged(account_id=ADA.id, username="lovelace"), key=str(ADA.id))
    await auth.heard(UsernameChanged(account_id=GRACE.id, username="ada"), key=str(GRACE.id))
    for again in (False, True):
        if again:
            await auth.rewind()
        assert (await profile(resources, ADA)).username == "lovelace"
        assert (await profile(resources, GRACE)).username == "ada"
    _, _, card = (await events(resources))[-1]
    assert (card["user_id"], card["username"]) == (str(GRACE.id), "ada")
