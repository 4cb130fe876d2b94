"""The home feed over HTTP, with follows, mutes and blocks as users tells them."""

from typing import Any

import httpx
import pytest

from common.http.pagination import encode_cursor
from common.ids import new_id
from common.testing.conformance import assert_problem
from common.testing.producers import Producer
from services.posts.tests.factories import (
    FEED,
    POSTS,
    Person,
    draft,
    edit,
    published,
    write,
)

ADA = Person("ada")
GRACE = Person("grace")
EDITH = Person("edith")
READER = Person("reader")


async def feed(
    client: httpx.AsyncClient, reader: Person = READER, **query: Any
) -> list[dict[str, Any]]:
    """One page of a feed."""
    response = await client.get(FEED, params=query, headers=reader.headers)
    assert response.status_code == 200, response.text
    items: list[dict[str, Any]] = response.json()["items"]
    return items


async def titles(client: httpx.AsyncClient, reader: Person = READER, **query: Any) -> list[str]:
    return [item["title"] for item in await feed(client, reader, **query)]


async def test_a_feed_shows_published_posts_of_whom_one_follows_newest_first(
    client: httpx.AsyncClient, users: Producer
) -> None:
    late = await write(client, ADA, draft(title="Published last"))
    for author, title in ((GRACE, "G1"), (ADA, "A1"), (EDITH, "E1"), (GRACE, "G2")):
        await write(client, author, published(title=title))
    await write(client, READER, published(title="Own"))
    await write(client, GRACE, draft(title="Hidden"))
    await edit(client, ADA, late, {"status": "published"})
    await users.heard(READER.follows(ADA), READER.follows(GRACE), ADA.follows(EDITH))
    assert await titles(client) == ["Published last", "G2", "A1", "G1"]
    assert await titles(client, ADA) == ["E1"]
    assert await titles(client, EDITH) == []


async def test_an_item_is_shown_as_the_list_of_posts_shows_it(
    client: httpx.AsyncClient, users: Producer
) -> None:
    await write(client, ADA, published(tags=["a"]))
    await users.heard(ADA.called("Ada Lovelace"), READER.follows(ADA))
    assert await feed(client) == (await client.get(POSTS)).json()["items"]


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        (READER.mutes(ADA), READER.unmutes(ADA)),
        (READER.blocks(ADA), READER.unblocks(ADA)),
        (ADA.blocks(READER), ADA.unblocks(READER)),
    ],
    ids=["mute", "block", "blocked"],
)
async def test_whom_one_mutes_or_may_not_meet_is_left_out_until_it_ends(
    client: httpx.AsyncClient, users: Producer, begin: Any, end: Any
) -> None:
    await write(client, ADA, published(title="A1"))
    await write(client, GRACE, published(title="G1"))
    await users.heard(READER.follows(ADA), READER.follows(GRACE), begin)
    assert await titles(client) == ["G1"]
    await users.heard(end)
    assert await titles(client) == ["G1", "A1"]


async def test_mutes_and_blocks_of_others_change_nothing(
    client: httpx.AsyncClient, users: Producer
) -> None:
    await write(client, ADA, published(title="A1"))
    await users.heard(
        READER.follows(ADA),
        ADA.mutes(READER),
        GRACE.mutes(ADA),
        GRACE.blocks(ADA),
        EDITH.blocks(GRACE),
    )
    assert await titles(client) == ["A1"]


async def test_who_is_followed_no_longer_leaves_the_feed_with_all_posts(
    client: httpx.AsyncClient, users: Producer
) -> None:
    await write(client, ADA, published(title="A1"))
    await users.heard(READER.follows(ADA), READER.unfollows(ADA))
    assert await titles(client) == []
    await users.heard(READER.follows(ADA))
    assert await titles(client) == ["A1"]


@pytest.mark.parametrize("limit", [1, 3, 7])
async def test_pages_neither_repeat_nor_skip_while_posts_come_and_go(
    client: httpx.AsyncClient, users: Producer, limit: int
) -> None:
    people = [ADA, GRACE, EDITH]
    await users.heard(*(READER.follows(person) for person in people))
    kept = [f"No {n}" for n in range(9)]
    for n, title in enumerate(kept):
        await write(client, people[n * n % 3], published(title=title))
    seen: list[str] = []
    query: dict[str, Any] | None = {"limit": limit}
    while query is not None:
        response = await client.get(FEED, params=query, headers=READER.headers)
        page = response.json()
        seen += [item["title"] for item in page["items"]]
        assert ("link" in response.headers) is (page["next_cursor"] is not None)
        await write(client, ADA, published(title="New"))
        query = {"limit": limit, "cursor": page["next_cursor"]} if page["next_cursor"] else None
    assert seen == kept[::-1]


async def test_whoever_holds_the_feed_gets_304_until_something_of_it_changes(
    client: httpx.AsyncClient, users: Producer
) -> None:
    posts = [await write(client, person, published()) for person in (ADA, GRACE)]
    await users.heard(READER.follows(ADA), READER.follows(GRACE))
    changes = [
        write(client, ADA, published()),
        edit(client, ADA, posts[0], {"title": "Another"}),
        users.heard(GRACE.called("Grace Hopper")),
        client.delete(f"{POSTS}/{posts[0]['id']}", headers=ADA.headers),
        users.heard(READER.mutes(GRACE)),
        users.heard(READER.unfollows(ADA)),
    ]
    for change in changes:
        tag = (await client.get(FEED, headers=READER.headers)).headers["etag"]
        conditional = {**READER.headers, "If-None-Match": tag}
        held = await client.get(FEED, headers=conditional)
        assert (held.status_code, held.content, held.headers["etag"]) == (304, b"", tag)
        assert held.headers["cache-control"] == "private, no-cache"
        await change
        assert (await client.get(FEED, headers=conditional)).status_code == 200
    assert await titles(client) == []


async def test_a_feed_is_its_readers_alone(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get(FEED), 401)
    cursor = encode_cursor("posts", ("2026-01-01T00:00:00Z", str(new_id())))
    response = await client.get(FEED, params={"cursor": cursor}, headers=READER.headers)
    assert assert_problem(response, 422)["code"] == "common.invalid_cursor"
