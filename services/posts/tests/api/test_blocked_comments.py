"""People who must not meet do not see each other's comments, nor learn why."""

from typing import Any

import httpx
import pytest

from common.testing.conformance import assert_problem
from common.testing.producers import Producer
from services.posts.tests.factories import (
    COMMENTS,
    POSTS,
    Person,
    answer,
    comment,
    published,
    thread,
    write,
)

ADA = Person("ada")
GRACE = Person("grace")
EDITH = Person("edith")
both_ways = pytest.mark.parametrize(("blocker", "blocked"), [(GRACE, EDITH), (EDITH, GRACE)])


@both_ways
async def test_neither_sees_the_other_and_everybody_else_sees_both(
    client: httpx.AsyncClient, users: Producer, blocker: Person, blocked: Person
) -> None:
    post = await write(client, ADA, published())
    await comment(client, GRACE, post, "Grace's")
    await comment(client, EDITH, post, "Edith's")
    await users.heard(blocker.blocks(blocked))

    assert await thread(client, post, GRACE) == ["Grace's"]
    assert await thread(client, post, EDITH) == ["Edith's"]
    for reader in (ADA, None):
        assert await thread(client, post, reader) == ["Grace's", "Edith's"]
    await users.heard(blocker.unblocks(blocked))
    assert await thread(client, post, GRACE) == ["Grace's", "Edith's"]


@both_ways
async def test_a_hidden_comment_with_answers_looks_deleted(
    client: httpx.AsyncClient, users: Producer, blocker: Person, blocked: Person
) -> None:
    post = await write(client, ADA, published())
    first = await comment(client, EDITH, post, "first")
    edited = {"body": "edited"}
    await client.patch(f"{COMMENTS}/{first['id']}", json=edited, headers=EDITH.headers)
    await comment(client, ADA, post, "answer", parent=first)
    await users.heard(blocker.blocks(blocked))

    assert await thread(client, post, GRACE) == [None, "answer"]
    hidden = await items(client, post, GRACE)
    await client.delete(f"{COMMENTS}/{first['id']}", headers=EDITH.headers)
    assert hidden == await items(client, post, GRACE) == await items(client, post, ADA)


@both_ways
async def test_whom_one_may_not_meet_cannot_be_answered_read_or_edited(
    client: httpx.AsyncClient, users: Producer, blocker: Person, blocked: Person
) -> None:
    post = await write(client, ADA, published())
    first = await comment(client, EDITH, post)
    await users.heard(blocker.blocks(blocked))
    path = f"{COMMENTS}/{first['id']}"
    for response in (
        await answer(client, GRACE, post, parent=first["id"]),
        await client.get(path, headers=GRACE.headers),
        await client.patch(path, json={"body": "x"}, headers=GRACE.headers),
        await client.delete(path, headers=GRACE.headers),
    ):
        assert assert_problem(response, 404)["code"] == "posts.comment_not_found"


@both_ways
async def test_nobody_comments_on_a_post_of_whom_they_may_not_meet(
    client: httpx.AsyncClient, users: Producer, blocker: Person, blocked: Person
) -> None:
    post = await write(client, EDITH, published())
    await users.heard(blocker.blocks(blocked))
    problem = assert_problem(await answer(client, GRACE, post), 403)
    assert problem["code"] == "posts.comment_not_allowed"
    assert (await answer(client, ADA, post)).status_code == 201


async def test_a_mute_leaves_comments_where_they_are(
    client: httpx.AsyncClient, users: Producer
) -> None:
    post = await write(client, ADA, published())
    await comment(client, EDITH, post, "Edith's")
    await users.heard(GRACE.mutes(EDITH))
    assert await thread(client, post, GRACE) == ["Edith's"]


async def items(client: httpx.AsyncClient, post: dict[str, Any], reader: Person) -> Any:
    response = await client.get(f"{POSTS}/{post['id']}/comments", headers=reader.headers)
    return response.json()["items"]
