"""Writing, answering, editing and deleting comments over HTTP."""

import asyncio
from datetime import datetime
from typing import Any

import httpx
import pytest

from common.ids import new_id
from common.testing.conformance import assert_problem
from common.testing.producers import Producer
from posts_service.api.schemas.comments import MAX_COMMENT
from posts_service.models import MAX_DEPTH
from posts_service.resources import Resources
from services.posts.tests.factories import (
    COMMENTS,
    POSTS,
    Person,
    answer,
    comment,
    draft,
    event_types,
    events,
    published,
    thread,
    write,
)

ADA = Person("ada")
GRACE = Person("grace")
EDITH = Person("edith")


async def test_a_comment_is_answered_as_it_was_written_and_told(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    post = await write(client, ADA, published())
    response = await answer(client, GRACE, post, " I *agree*. ")

    assert response.status_code == 201
    found = response.json()
    assert response.headers["location"] == f"{COMMENTS}/{found['id']}"
    read = await client.get(response.headers["location"], headers=GRACE.headers)
    assert (read.json(), read.headers["etag"]) == (found, response.headers["etag"])
    kind, key, told = (await events(resources))[-1]
    assert (kind, key) == ("posts.comment_created.v1", found["id"])
    assert datetime.fromisoformat(told["created_at"]).tzinfo is not None
    assert told.pop("created_at") == found.pop("created_at") == found.pop("updated_at")
    assert told == {
        "comment_id": found.pop("id"),
        "post_id": post["id"],
        "post_author_id": str(ADA.id),
        "parent_id": None,
        "parent_author_id": None,
        "author_id": str(GRACE.id),
        "author_username": "grace",
    }
    assert found == {
        "post_id": post["id"],
        "parent_id": None,
        "depth": 0,
        "author": {"username": "grace", "display_name": "grace"},
        "body": "I *agree*.",
        "body_html": "<p>I <em>agree</em>.</p>\n",
        "deleted": False,
    }


async def test_an_answer_names_whom_it_answers(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    post = await write(client, ADA, published())
    first = await comment(client, GRACE, post)
    second = await comment(client, EDITH, post, parent=first)
    assert (second["parent_id"], second["depth"]) == (first["id"], 1)
    _, _, told = (await events(resources))[-1]
    assert (told["parent_id"], told["parent_author_id"]) == (first["id"], str(GRACE.id))


async def test_threads_are_read_in_order_page_by_page_while_comments_come(
    client: httpx.AsyncClient,
) -> None:
    post = await write(client, ADA, published())
    a = await comment(client, ADA, post, "a")
    b = await comment(client, ADA, post, "b")
    aa = await comment(client, ADA, post, "a.a", parent=a)
    await comment(client, ADA, post, "b.a", parent=b)
    await comment(client, ADA, post, "a.b", parent=a)
    await comment(client, ADA, post, "a.a.a", parent=aa)
    expected = ["a", "a.a", "a.a.a", "a.b", "b", "b.a"]
    assert await thread(client, post) == expected
    for limit in (1, 2, 5):
        assert await thread(client, post, limit=limit) == expected
    first = (await client.get(f"{POSTS}/{post['id']}/comments", params={"limit": 3})).json()
    await comment(client, ADA, post, "a.a.b", parent=aa)
    await comment(client, ADA, post, "c")
    query = {"cursor": first["next_cursor"]}
    rest = (await client.get(f"{POSTS}/{post['slug']}/comments", params=query)).json()
    assert [item["body"] for item in rest["items"]] == ["a.a.b", "a.b", "b", "b.a", "c"]


async def test_threads_have_a_bottom(client: httpx.AsyncClient, resources: Resources) -> None:
    post = await write(client, ADA, published())
    deepest = await comment(client, ADA, post)
    for _ in range(MAX_DEPTH):
        deepest = await comment(client, ADA, post, parent=deepest)
    assert deepest["depth"] == MAX_DEPTH
    problem = assert_problem(await answer(client, ADA, post, parent=deepest["id"]), 422)
    assert problem["code"] == "posts.thread_too_deep"
    assert [error["pointer"] for error in problem["errors"]] == ["/parent_id"]
    assert (await event_types(resources)).count("comment_created") == MAX_DEPTH + 1


async def test_comments_are_of_published_posts_alone(client: httpx.AsyncClient) -> None:
    hidden = await write(client, ADA, draft())
    for name in (hidden["id"], hidden["slug"], str(new_id()), "nothing"):
        path = f"{POSTS}/{name}/comments"
        for response in (
            await client.get(path, headers=ADA.headers),
            await client.post(path, json={"body": "x"}, headers=ADA.headers),
        ):
            assert assert_problem(response, 404)["code"] == "posts.post_not_found"


@pytest.mark.requirement("ASVS 2.2.3")
async def test_an_answer_belongs_to_a_comment_of_the_same_post(client: httpx.AsyncClient) -> None:
    post, other = [await write(client, ADA, published(title=title)) for title in ("One", "Two")]
    elsewhere = await comment(client, ADA, other)
    gone = await comment(client, ADA, post)
    await client.delete(f"{COMMENTS}/{gone['id']}", headers=ADA.headers)
    for parent in (elsewhere["id"], gone["id"], str(new_id())):
        response = await answer(client, ADA, post, parent=parent)
        assert assert_problem(response, 404)["code"] == "posts.comment_not_found"
    assert await thread(client, post) == []


async def test_an_edit_shows_and_is_its_authors_alone(client: httpx.AsyncClient) -> None:
    post = await write(client, ADA, published())
    first = await comment(client, GRACE, post)
    path = f"{COMMENTS}/{first['id']}"
    for person in (ADA, EDITH):
        refused = await client.patch(path, json={"body": "Mine"}, headers=person.headers)
        assert assert_problem(refused, 403)["code"] == "posts.not_comment_author"
    edited = await client.patch(path, json={"body": "# New"}, headers=GRACE.headers)
    assert edited.status_code == 200
    changed = {**first, "body": "# New", "body_html": "<h1>New</h1>\n"}
    assert edited.json() == {**changed, "updated_at": edited.json()["updated_at"]}
    assert edited.json()["updated_at"] > first["updated_at"]
    assert (await client.get(path)).json() == edited.json()
    again = await client.patch(path, json={"body": "# New"}, headers=GRACE.headers)
    assert again.json() == edited.json()


async def test_if_match_lets_only_the_reader_of_the_present_comment_write(
    client: httpx.AsyncClient,
) -> None:
    post = await write(client, ADA, published())
    created = await answer(client, ADA, post)
    stale = {**ADA.headers, "If-Match": created.headers["etag"]}
    path = created.headers["location"]
    edits = [client.patch(path, json={"body": f"No {n}"}, headers=stale) for n in range(4)]
    statuses = [response.status_code for response in await asyncio.gather(*edits)]
    assert sorted(statuses) == [200, 412, 412, 412]
    assert_problem(await client.delete(path, headers=stale), 412)


async def test_a_deleted_comment_that_nobody_answers_is_gone(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    post = await write(client, ADA, published())
    first = await comment(client, GRACE, post)
    path = f"{COMMENTS}/{first['id']}"
    answers = await asyncio.gather(*(client.delete(path, headers=GRACE.headers) for _ in range(3)))
    assert sorted(each.status_code for each in answers) == [204, 404, 404]
    assert await thread(client, post) == []
    gone = {"comment_id": first["id"], "post_id": post["id"], "author_id": str(GRACE.id)}
    assert (await events(resources))[-1] == ("posts.comment_deleted.v1", first["id"], gone)
    assert (await event_types(resources)).count("comment_deleted") == 1


async def test_a_deleted_comment_leaves_its_place_to_its_answers_and_goes_with_the_last(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    post = await write(client, ADA, published())
    top = await comment(client, GRACE, post, "top")
    middle = await comment(client, EDITH, post, "middle", parent=top)
    ends = [await comment(client, ADA, post, name, parent=middle) for name in ("left", "right")]
    for person, each in ((GRACE, top), (EDITH, middle)):
        path = f"{COMMENTS}/{each['id']}"
        assert (await client.delete(path, headers=person.headers)).status_code == 204
        for method in ("GET", "PATCH", "DELETE"):
            response = await client.request(
                method, path, json={"body": "x"}, headers=person.headers
            )
            assert assert_problem(response, 404)["code"] == "posts.comment_not_found"
    assert await thread(client, post) == [None, None, "left", "right"]
    items = (await client.get(f"{POSTS}/{post['id']}/comments")).json()["items"]
    assert items[0] == {
        **top,
        "author": None,
        "body": None,
        "body_html": None,
        "deleted": True,
    }
    paths = [f"{COMMENTS}/{each['id']}" for each in ends]
    await asyncio.gather(*(client.delete(path, headers=ADA.headers) for path in paths))
    assert await thread(client, post) == []
    assert (await event_types(resources)).count("comment_deleted") == 4


async def test_who_wrote_the_post_may_delete_comments_on_it_and_nobody_else(
    client: httpx.AsyncClient,
) -> None:
    post = await write(client, ADA, published())
    path = f"{COMMENTS}/{(await comment(client, GRACE, post))['id']}"
    refused = await client.delete(path, headers=EDITH.headers)
    assert assert_problem(refused, 403)["code"] == "posts.not_comment_author"
    assert (await client.delete(path, headers=ADA.headers)).status_code == 204


async def test_a_post_takes_its_threads_with_it(client: httpx.AsyncClient) -> None:
    post = await write(client, ADA, published())
    first = await comment(client, GRACE, post)
    await comment(client, EDITH, post, parent=first)
    await client.delete(f"{POSTS}/{post['id']}", headers=ADA.headers)
    assert_problem(await client.get(f"{COMMENTS}/{first['id']}"), 404)


async def test_answers_and_a_deletion_at_once_leave_no_answer_without_its_place(
    client: httpx.AsyncClient,
) -> None:
    post = await write(client, ADA, published())
    for n in range(5):
        top = await comment(client, ADA, post, f"top {n}")
        path = f"{COMMENTS}/{top['id']}"
        deletion, *answers = await asyncio.gather(
            client.delete(path, headers=ADA.headers),
            *(answer(client, GRACE, post, parent=top["id"]) for _ in range(3)),
        )
        assert deletion.status_code == 204
        assert {each.status_code for each in answers} <= {201, 404}
        items = (await client.get(f"{POSTS}/{post['id']}/comments")).json()["items"]
        written = {item["id"] for item in items}
        assert {item["parent_id"] for item in items} - {None} <= written


async def test_whoever_holds_the_threads_gets_304_until_something_changes(
    client: httpx.AsyncClient, users: Producer
) -> None:
    post = await write(client, ADA, published())
    first = await comment(client, GRACE, post)
    path = f"{POSTS}/{post['id']}/comments"
    changes = [
        comment(client, EDITH, post, parent=first),
        client.patch(f"{COMMENTS}/{first['id']}", json={"body": "x"}, headers=GRACE.headers),
        users.heard(GRACE.called("Grace Hopper")),
        client.delete(f"{COMMENTS}/{first['id']}", headers=GRACE.headers),
    ]
    for change in changes:
        tag = (await client.get(path)).headers["etag"]
        held = await client.get(path, headers={"If-None-Match": tag})
        assert (held.status_code, held.content, held.headers["etag"]) == (304, b"", tag)
        await change
        changed = await client.get(path, headers={"If-None-Match": tag})
        assert changed.status_code == 200


async def test_what_a_reader_sees_is_kept_for_nobody_else(client: httpx.AsyncClient) -> None:
    post = await write(client, ADA, published())
    first = await comment(client, ADA, post)
    for path in (f"{POSTS}/{post['id']}/comments", f"{COMMENTS}/{first['id']}"):
        anonymous = await client.get(path)
        own = await client.get(path, headers=ADA.headers)
        assert anonymous.headers["cache-control"] == "public, no-cache"
        assert own.headers["cache-control"] == "private, no-cache"
        held = {"If-None-Match": anonymous.headers["etag"]}
        for answered in (anonymous, own, await client.get(path, headers=held)):
            assert "Authorization" in answered.headers["vary"]
        assert own.json() == anonymous.json()


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/body"),
        ({"body": ""}, "/body"),
        ({"body": " \n\t "}, "/body"),
        ({"body": None}, "/body"),
        ({"body": ["x"]}, "/body"),
        ({"body": "x" * (MAX_COMMENT + 1)}, "/body"),
    ],
)
async def test_bad_input_is_named_and_changes_nothing(
    client: httpx.AsyncClient, body: Any, pointer: str
) -> None:
    post = await write(client, ADA, published())
    first = await comment(client, ADA, post)
    created = await client.post(f"{POSTS}/{post['id']}/comments", json=body, headers=ADA.headers)
    edited = await client.patch(f"{COMMENTS}/{first['id']}", json=body, headers=ADA.headers)
    for response in (created, edited):
        problem = assert_problem(response, 422)
        assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert await thread(client, post) == [first["body"]]


async def test_writing_comments_needs_a_token(client: httpx.AsyncClient) -> None:
    post = await write(client, ADA, published())
    path = f"{COMMENTS}/{(await comment(client, ADA, post))['id']}"
    for method, target in (
        ("POST", f"{POSTS}/{post['id']}/comments"),
        ("PATCH", path),
        ("DELETE", path),
    ):
        assert_problem(await client.request(method, target, json={"body": "x"}), 401)
