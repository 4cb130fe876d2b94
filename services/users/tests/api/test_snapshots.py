"""Who there is and who follows, blocks and mutes whom, for services that fell behind the log."""

from typing import Any

import httpx
import pytest

from common.testing.keys import bearer, mint_internal_token
from services.users.tests.factories import Person, arrive


async def rows(client: httpx.AsyncClient, fact: str) -> list[dict[str, Any]]:
    """All rows of a snapshot, read one a page."""
    headers = bearer(mint_internal_token("notifier", "users"))
    found: list[dict[str, Any]] = []
    after: list[str] | None = []
    while after is not None:
        path = f"/internal/snapshots/users.{fact}.v1"
        page = (await client.get(path, params={"limit": 1, "after": after}, headers=headers)).json()
        found += page["rows"]
        after = page["next_key"]
    return found


async def test_cards_and_follows_are_told_page_by_page(client: httpx.AsyncClient) -> None:
    people = [Person("ada"), Person("grace"), Person("edith")]
    await arrive(client, *people)
    for follower in people:
        for followee in people:
            if follower is not followee:
                await client.put(f"{followee.path}/follow", headers=follower.headers)
    assert {row["username"] for row in await rows(client, "profile_changed")} == {
        person.username for person in people
    }
    follows = {
        (row["follower_id"], row["followee_id"]) for row in await rows(client, "user_followed")
    }
    assert follows == {(str(a.id), str(b.id)) for a in people for b in people if a is not b}


@pytest.mark.parametrize(
    ("action", "fact", "names"),
    [
        ("block", "user_blocked", ("blocker_id", "blocked_id")),
        ("mute", "user_muted", ("muter_id", "muted_id")),
    ],
)
async def test_blocks_and_mutes_are_told_as_their_event_tells_them(
    client: httpx.AsyncClient, action: str, fact: str, names: tuple[str, str]
) -> None:
    ada, grace, edith = people = [Person("ada"), Person("grace"), Person("edith")]
    await arrive(client, *people)
    for other in (grace, edith):
        await client.put(f"{other.path}/{action}", headers=ada.headers)
    await client.put(f"{ada.path}/{action}", headers=grace.headers)
    await client.delete(f"{edith.path}/{action}", headers=ada.headers)
    found = await rows(client, fact)
    assert {tuple(row[name] for name in names) for row in found} == {
        (str(ada.id), str(grace.id)),
        (str(grace.id), str(ada.id)),
    }
