"""Posts by tag, and which tags are popular."""

from typing import Any

import httpx
import pytest

from common.testing.conformance import assert_problem
from services.posts.tests.factories import (
    POSTS,
    TAGS,
    Person,
    draft,
    edit,
    published,
    titles,
    write,
)

ADA = Person("ada")


async def popular(client: httpx.AsyncClient, **query: Any) -> list[tuple[str, int]]:
    response = await client.get(TAGS, params=query)
    assert response.status_code == 200
    assert response.headers["cache-control"] == "public, max-age=1"
    return [(item["tag"], item["posts"]) for item in response.json()["items"]]


async def test_the_list_of_a_tag_follows_every_change_of_a_post(client: httpx.AsyncClient) -> None:
    post = await write(client, ADA, draft(tags=["a", "b"]))
    assert await titles(client, tag="a") == []
    await edit(client, ADA, post, {"status": "published", "tags": ["b", "c"]})
    listed = {tag: await titles(client, tag=tag) for tag in "abc"}
    assert listed == {"a": [], "b": ["On compilers"], "c": ["On compilers"]}
    await edit(client, ADA, post, {"title": "Another"})
    await edit(client, ADA, post, {"tags": ["c", "a"]})
    listed = {tag: await titles(client, tag=tag) for tag in "abc"}
    assert listed == {"a": ["Another"], "b": [], "c": ["Another"]}
    await edit(client, ADA, post, {"tags": []})
    assert await titles(client, tag="a") == []
    await edit(client, ADA, post, {"tags": ["a"]})
    await client.delete(f"{POSTS}/{post['id']}", headers=ADA.headers)
    assert await titles(client, tag="a") == []


async def test_a_tag_of_one_author_lists_their_posts_alone(client: httpx.AsyncClient) -> None:
    grace = Person("grace")
    for n in range(3):
        await write(client, ADA, published(title=f"A{n}", tags=["x"]))
        await write(client, grace, published(title=f"G{n}", tags=["x"]))
    await write(client, ADA, published(title="Other"))
    assert await titles(client, tag="x", author="ada") == ["A2", "A1", "A0"]


async def test_popular_tags_are_those_of_most_published_posts(client: httpx.AsyncClient) -> None:
    for tags in (["b"], ["b", "a"], ["c", "b"], ["a"], ["d"]):
        await write(client, ADA, published(tags=tags))
    await write(client, ADA, draft(tags=["c", "d", "e"]))
    assert await popular(client) == [("b", 3), ("a", 2), ("c", 1), ("d", 1)]
    assert await popular(client, limit=2) == [("b", 3), ("a", 2)]


@pytest.mark.parametrize("limit", [0, 101, "x"])
async def test_a_limit_outside_of_1_to_100_is_refused(
    client: httpx.AsyncClient, limit: Any
) -> None:
    assert_problem(await client.get(TAGS, params={"limit": limit}), 422)
