"""Who there is and who follows whom, for services that fell behind the log."""

from typing import Any

import httpx

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
