"""Lists that are the same for everybody are read once for a crowd without tokens."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI

from common.shared import SharedReads
from common.testing.statements import remembered
from posts_service.resources import Resources
from services.posts.tests.factories import POSTS, TAGS, Person, published, titles, write

ADA = Person("ada")


@pytest.fixture(autouse=True)
def shared(app: FastAPI, resources: Resources) -> Iterator[None]:
    """Lists are kept for longer than a test takes."""
    app.state.resources = replace(resources, shared=SharedReads(60))
    yield
    app.state.resources = resources


@pytest.mark.parametrize("path", [POSTS, f"{POSTS}?author=ada&tag=x&limit=3", TAGS])
async def test_a_thousand_who_ask_at_once_cost_one_query(
    client: httpx.AsyncClient, resources: Resources, path: str
) -> None:
    await write(client, ADA, published(tags=["x"]))
    async with remembered(resources.platform.database.engine) as statements:
        answers = await asyncio.gather(*(client.get(path) for _ in range(1000)))
    assert len(statements) == 1
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].json()["items"]


async def test_what_is_a_moment_old_is_not_kept_any_longer_and_says_so(
    client: httpx.AsyncClient,
) -> None:
    await write(client, ADA, published(title="One", tags=["x"]))
    for path in (POSTS, TAGS):
        assert (await client.get(path)).headers["cache-control"] == "public, max-age=1"
    await write(client, ADA, published(title="Two", tags=["x"]))
    assert await titles(client) == ["One"]
    for path in (POSTS, TAGS):
        assert (await client.get(path)).headers["cache-control"] == "public, no-cache"


async def test_who_has_a_token_sees_what_is_there_now(client: httpx.AsyncClient) -> None:
    await write(client, ADA, published(title="One"))
    assert await titles(client) == ["One"]
    await write(client, ADA, published(title="Two"))
    own = await client.get(POSTS, headers=ADA.headers)
    assert [post["title"] for post in own.json()["items"]] == ["Two", "One"]


async def test_every_question_has_an_answer_of_its_own(client: httpx.AsyncClient) -> None:
    for number in range(3):
        await write(client, ADA, published(title=f"{number}", tags=["odd"] if number % 2 else []))
    assert await titles(client) == ["2", "1", "0"]
    assert await titles(client, tag="odd") == ["1"]
    first = (await client.get(POSTS, params={"limit": 1})).json()
    assert [post["title"] for post in first["items"]] == ["2"]
    query = {"limit": 1, "cursor": first["next_cursor"]}
    assert [post["title"] for post in (await client.get(POSTS, params=query)).json()["items"]] == [
        "1"
    ]
