"""The list of published posts."""

from typing import Any

import httpx
import pytest

from common.http.pagination import encode_cursor
from common.testing.conformance import assert_problem
from services.posts.tests.factories import (
    POSTS,
    Person,
    draft,
    edit,
    published,
    titles,
    write,
)

ADA = Person("ada")
GRACE = Person("grace")
# Ids of tests must be the same in every worker, and parameters are part of them.
ID = "0190a6c1-0000-7000-8000-000000000000"


async def page(client: httpx.AsyncClient, **query: Any) -> dict[str, Any]:
    response = await client.get(POSTS, params=query)
    assert response.status_code == 200
    found: dict[str, Any] = response.json()
    return found


async def test_published_posts_are_listed_newest_first(client: httpx.AsyncClient) -> None:
    first = await write(client, ADA, draft(title="Published last"))
    for title in ("One", "Two"):
        await write(client, GRACE, published(title=title))
    await write(client, ADA, draft(title="Hidden"))
    await edit(client, ADA, first, {"status": "published"})
    assert await titles(client) == ["Published last", "Two", "One"]


async def test_an_item_shows_all_of_a_post_but_its_body(client: httpx.AsyncClient) -> None:
    post = await write(client, ADA, published(tags=["a"]))
    del post["body"], post["body_html"]
    assert await page(client) == {"items": [post], "next_cursor": None}


async def test_the_list_is_the_same_for_everybody_and_fresh_after_a_second(
    client: httpx.AsyncClient,
) -> None:
    await write(client, ADA, published())
    await write(client, ADA, draft())
    anonymous = await client.get(POSTS)
    own = await client.get(POSTS, headers=ADA.headers)
    assert own.content == anonymous.content
    assert anonymous.headers["cache-control"] == "public, max-age=1"


async def test_whoever_holds_a_list_gets_304_until_something_of_it_changes(
    client: httpx.AsyncClient,
) -> None:
    post = await write(client, ADA, published())
    for body in ({"title": "Another"}, {"tags": ["x"]}):
        tag = (await client.get(POSTS)).headers["etag"]
        held = await client.get(POSTS, headers={"If-None-Match": tag})
        assert (held.status_code, held.content) == (304, b"")
        await edit(client, ADA, post, body)
        changed = await client.get(POSTS, headers={"If-None-Match": tag})
        assert changed.status_code == 200


async def test_posts_are_filtered_by_tag_and_by_author(client: httpx.AsyncClient) -> None:
    await write(client, ADA, published(title="A1", tags=["x", "y"]))
    await write(client, ADA, published(title="A2", tags=["y"]))
    await write(client, GRACE, published(title="G1", tags=["x"]))
    await write(client, GRACE, draft(title="G2", tags=["x"]))
    assert await titles(client, tag="x") == ["G1", "A1"]
    assert await titles(client, tag=" Y ") == ["A2", "A1"]
    assert await titles(client, author="grace") == ["G1"]
    assert await titles(client, author="ada", tag="x") == ["A1"]
    assert await titles(client, tag="z") == []
    assert await titles(client, author="nobody") == []


@pytest.mark.parametrize("limit", [1, 2, 3])
@pytest.mark.parametrize("query", [{}, {"tag": "x"}, {"author": "ada"}])
async def test_pages_neither_repeat_nor_skip_while_posts_come_and_go(
    client: httpx.AsyncClient, limit: int, query: dict[str, str]
) -> None:
    kept = [f"No {n}" for n in range(7)]
    for title in kept:
        await write(client, ADA, published(title=title, tags=["x"]))
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        found = await page(client, limit=limit, **query, **cursor)
        seen += [item["title"] for item in found["items"]]
        await write(client, ADA, published(title="New", tags=["x"]))
        last = found["items"][-1]
        await client.delete(f"{POSTS}/{last['id']}", headers=ADA.headers)
        if found["next_cursor"] is None:
            break
        cursor = {"cursor": found["next_cursor"]}
    assert seen == kept[::-1]


async def test_the_link_header_leads_to_the_next_page(client: httpx.AsyncClient) -> None:
    for n in range(3):
        await write(client, ADA, published(title=f"No {n}", tags=["x"]))
    first = await client.get(POSTS, params={"limit": 2, "tag": "x"})
    target, relation = first.headers["link"].split("; ")
    assert relation == 'rel="next"'
    rest = await client.get(target.strip("<>"))
    assert [item["title"] for item in rest.json()["items"]] == ["No 0"]
    assert "link" not in rest.headers


@pytest.mark.parametrize(
    "cursor",
    [
        encode_cursor("followers", ("2026-01-01T00:00:00Z", ID)),
        encode_cursor("posts", ("2026-01-01T00:00:00", ID)),
        encode_cursor("posts", ("0001-01-01T00:00:00+23:59", ID)),
        encode_cursor("posts", ("9999-12-31T23:59:59-23:59", ID)),
        encode_cursor("posts", ("2026-01-01T00:00:00Z", "x")),
        encode_cursor("posts", ("2026-01-01T00:00:00Z",)),
        encode_cursor("posts", (1, ID)),
        "x",
        "%",
        "",
    ],
)
async def test_a_cursor_from_elsewhere_is_refused(client: httpx.AsyncClient, cursor: str) -> None:
    response = await client.get(POSTS, params={"cursor": cursor})
    assert assert_problem(response, 422)["code"] == "common.invalid_cursor"


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])
async def test_a_cursor_at_the_end_of_time_is_no_server_error(
    client: httpx.AsyncClient, moment: str
) -> None:
    assert await titles(client, cursor=encode_cursor("posts", (moment, ID))) == []


@pytest.mark.parametrize(
    "query", [{"limit": 0}, {"limit": 101}, {"limit": "x"}, {"tag": "a b"}, {"tag": "x" * 33}]
)
async def test_bad_parameters_are_refused(client: httpx.AsyncClient, query: dict[str, Any]) -> None:
    problem = assert_problem(await client.get(POSTS, params=query), 422)
    assert [error["parameter"] for error in problem["errors"]] == list(query)
