"""Writing, reading, editing and deleting posts over HTTP."""

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

from common.ids import new_id
from common.testing.conformance import assert_problem
from posts_service.resources import Resources
from services.posts.tests.factories import (
    POSTS,
    SHARED,
    Person,
    draft,
    edit,
    event_types,
    events,
    published,
    slugs,
    titles,
    write,
)

ADA = Person("ada")
GRACE = Person("grace")


async def test_a_post_is_answered_as_it_was_written(client: httpx.AsyncClient) -> None:
    body = published(tags=["Compilers", " history ", "compilers"])
    response = await client.post(POSTS, json=body, headers=ADA.headers)

    assert response.status_code == 201
    post = response.json()
    assert response.headers["location"] == f"{POSTS}/{post['id']}"
    assert post["created_at"] == post["updated_at"] == post["published_at"]
    assert post["created_at"].endswith("Z")
    del post["id"], post["created_at"], post["updated_at"], post["published_at"]
    assert post == {
        "slug": "on-compilers",
        "title": "On compilers",
        "body": "Hello, *world*.",
        "body_html": "<p>Hello, <em>world</em>.</p>\n",
        "tags": ["compilers", "history"],
        "status": "published",
        "author": {"username": "ada", "display_name": "ada"},
    }


async def test_a_post_is_a_draft_unless_it_says_otherwise(client: httpx.AsyncClient) -> None:
    post = await write(client, ADA, draft())
    assert (post["status"], post["published_at"], post["tags"]) == ("draft", None, [])


async def test_a_post_is_read_by_id_and_by_slug(client: httpx.AsyncClient) -> None:
    post = await write(client, ADA, published())
    for name in (post["id"], post["id"].upper(), post["slug"]):
        response = await client.get(f"{POSTS}/{name}")
        assert response.status_code == 200
        assert response.json() == post
        assert response.headers["cache-control"] == SHARED


@pytest.mark.parametrize(
    "name", ["0190a6c1-0000-7000-8000-000000000000", "no-such-post", "On-Compilers", "%F0%9F%98%80"]
)
async def test_an_unknown_post_is_not_found(client: httpx.AsyncClient, name: str) -> None:
    await write(client, ADA, published())
    for method in ("GET", "PATCH", "DELETE"):
        response = await client.request(method, f"{POSTS}/{name}", json={}, headers=ADA.headers)
        assert assert_problem(response, 404)["code"] == "posts.post_not_found"


@pytest.mark.parametrize(
    ("status", "who", "read", "written"),
    [
        ("draft", "author", 200, 200),
        ("draft", "other", 404, 404),
        ("draft", "nobody", 404, 401),
        ("published", "author", 200, 200),
        ("published", "other", 200, 403),
        ("published", "nobody", 200, 401),
    ],
)
@pytest.mark.requirement("ASVS 8.2.2")
async def test_who_may_read_and_who_may_write(
    client: httpx.AsyncClient, status: str, who: str, read: int, written: int
) -> None:
    post = await write(client, ADA, draft(status=status))
    headers = {"author": ADA.headers, "other": GRACE.headers, "nobody": {}}[who]
    for name in (post["id"], post["slug"]):
        path = f"{POSTS}/{name}"
        assert (await client.get(path, headers=headers)).status_code == read
        edited = await client.patch(path, json={"title": "Mine"}, headers=headers)
        assert edited.status_code == written
    deleted = await client.delete(f"{POSTS}/{post['id']}", headers=headers)
    assert deleted.status_code == (204 if written == 200 else written)
    left = await client.get(f"{POSTS}/{post['id']}", headers=ADA.headers)
    assert left.status_code == (404 if written == 200 else 200)
    assert written == 200 or left.json() == post


async def test_the_refusal_of_a_draft_says_the_same_as_of_nothing(
    client: httpx.AsyncClient,
) -> None:
    post = await write(client, ADA, draft())
    missing = await client.get(f"{POSTS}/{new_id()}", headers=GRACE.headers)
    hidden = await client.get(f"{POSTS}/{post['id']}", headers=GRACE.headers)
    assert {**hidden.json(), "request_id": ""} == {**missing.json(), "request_id": ""}
    assert hidden.headers["cache-control"] == "no-store"


async def test_a_draft_is_kept_by_nobody_but_its_author(client: httpx.AsyncClient) -> None:
    post = await write(client, ADA, draft())
    response = await client.get(f"{POSTS}/{post['id']}", headers=ADA.headers)
    assert response.headers["cache-control"] == "private, no-cache"
    assert await titles(client) == []
    assert await titles(client, author="ada") == []


async def test_a_reader_who_holds_the_post_gets_304(client: httpx.AsyncClient) -> None:
    post = await write(client, ADA, published())
    path = f"{POSTS}/{post['slug']}"
    tag = (await client.get(path)).headers["etag"]

    held = await client.get(path, headers={"If-None-Match": tag})
    assert (held.status_code, held.content, held.headers["etag"]) == (304, b"", tag)
    await edit(client, ADA, post, {"title": "Another"})
    changed = await client.get(path, headers={"If-None-Match": tag})
    assert (changed.status_code, changed.json()["title"]) == (200, "Another")


async def test_every_answer_with_a_post_carries_its_tag(client: httpx.AsyncClient) -> None:
    created = await client.post(POSTS, json=published(), headers=ADA.headers)
    read = await client.get(created.headers["location"])
    edited = await edit(client, ADA, read.json(), {})
    assert created.headers["etag"] == read.headers["etag"] == edited.headers["etag"]


async def test_if_match_lets_only_the_reader_of_the_present_post_write(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    created = await client.post(POSTS, json=published(), headers=ADA.headers)
    post, tag = created.json(), created.headers["etag"]
    edited = await edit(client, ADA, post, {"title": "Second"}, **{"If-Match": tag})
    assert edited.status_code == 200

    late = await edit(client, ADA, post, {"title": "Third"}, **{"If-Match": tag})
    assert assert_problem(late, 412)["code"] == "common.precondition_failed"
    path, stale = f"{POSTS}/{post['id']}", {**ADA.headers, "If-Match": tag}
    assert_problem(await client.delete(path, headers=stale), 412)
    fresh = {**ADA.headers, "If-Match": edited.headers["etag"]}
    assert (await client.delete(path, headers=fresh)).status_code == 204
    assert await event_types(resources) == ["post_published", "post_deleted"]


async def test_an_edit_changes_what_it_names(client: httpx.AsyncClient) -> None:
    post = await write(client, ADA, published(tags=["a", "b"]))
    title = (await edit(client, ADA, post, {"title": "Another title"})).json()
    assert title["updated_at"] > post["updated_at"]
    assert title == {**post, "title": "Another title", "updated_at": title["updated_at"]}
    body = (await edit(client, ADA, post, {"body": "# New", "tags": ["B", "c"]})).json()
    assert body["body_html"] == "<h1>New</h1>\n"
    assert body["tags"] == ["b", "c"]
    assert body["slug"] == post["slug"]
    assert (await client.get(f"{POSTS}/{post['slug']}")).json() == body


@pytest.mark.parametrize("body", [{}, {"title": "On compilers", "status": "published"}])
async def test_an_edit_that_changes_nothing_leaves_the_post_as_it_is(
    client: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    post = await write(client, ADA, published())
    response = await edit(client, ADA, post, body)
    assert (response.status_code, response.json()) == (200, post)


async def test_publishing_is_told_once_and_is_final(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    post = await write(client, ADA, draft())
    assert await events(resources) == []
    edits = [edit(client, ADA, post, {"status": "published"}) for _ in range(4)]
    answers = await asyncio.gather(*edits)

    assert {answer.status_code for answer in answers} == {200}
    moments = {answer.json()["published_at"] for answer in answers}
    assert len(moments) == 1
    back = await edit(client, ADA, post, {"status": "draft", "title": "Never said"})
    assert assert_problem(back, 409)["code"] == "posts.post_already_published"
    assert await titles(client) == ["On compilers"]
    expected = {
        "post_id": post["id"],
        "author_id": str(ADA.id),
        "author_username": "ada",
        "title": "On compilers",
        "slug": "on-compilers",
        "published_at": moments.pop(),
    }
    assert await events(resources) == [("posts.post_published.v1", post["id"], expected)]


async def test_a_post_that_is_published_at_once_is_told_at_once(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    post = await write(client, ADA, published())
    await edit(client, ADA, post, {"title": "Another"})
    [(kind, key, event)] = await events(resources)
    assert (kind, key, event["title"]) == ("posts.post_published.v1", post["id"], "On compilers")
    assert event["published_at"] == post["published_at"]


@pytest.mark.parametrize(
    ("status", "told"), [("draft", []), ("published", ["post_published", "post_deleted"])]
)
async def test_a_deletion_is_told_of_what_was_published(
    client: httpx.AsyncClient, resources: Resources, status: str, told: list[str]
) -> None:
    post = await write(client, ADA, draft(status=status))
    path = f"{POSTS}/{post['id']}"
    answers = await asyncio.gather(*(client.delete(path, headers=ADA.headers) for _ in range(3)))

    assert Counter(answer.status_code for answer in answers) == {204: 1, 404: 2}
    assert await event_types(resources) == told
    if told:
        gone = {"post_id": post["id"], "author_id": str(ADA.id)}
        assert (await events(resources))[-1] == ("posts.post_deleted.v1", post["id"], gone)
    assert (await client.get(path, headers=ADA.headers)).status_code == 404


async def test_posts_of_one_title_get_slugs_of_their_own(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    written = await asyncio.gather(*(write(client, ADA, published()) for _ in range(8)))
    found = {post["slug"] for post in written}
    assert len(found) == 8
    assert found == set(await slugs(resources))
    assert "on-compilers" in found
    assert all(slug.startswith("on-compilers") for slug in found)
    assert await event_types(resources) == ["post_published"] * 8


async def test_first_posts_at_once_make_one_author(client: httpx.AsyncClient) -> None:
    await asyncio.gather(*(write(client, ADA, published(title=f"No {n}")) for n in range(6)))
    assert len(await titles(client, author="ada")) == 6


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"title": ""}, "/title"),
        ({"title": " \t "}, "/title"),
        ({"title": "x" * 201}, "/title"),
        ({"title": "two\nlines"}, "/title"),
        ({"title": None}, "/title"),
        ({"body": "x" * 50_001}, "/body"),
        ({"body": None}, "/body"),
        ({"body": ["x"]}, "/body"),
        ({"body": "![" * 25_000}, "/body"),
        ({"tags": ["a b"]}, "/tags/0"),
        ({"tags": ["ok", "-a"]}, "/tags/1"),
        ({"tags": ["a_b"]}, "/tags/0"),
        ({"tags": [""]}, "/tags/0"),
        ({"tags": ["x" * 33]}, "/tags/0"),
        ({"tags": [7]}, "/tags/0"),
        ({"tags": [str(n) for n in range(11)]}, "/tags"),
        ({"tags": ["same"] * 11}, "/tags"),
        ({"tags": "ab"}, "/tags"),
        ({"tags": None}, "/tags"),
        ({"status": "gone"}, "/status"),
        ({"status": None}, "/status"),
    ],
)
async def test_bad_input_is_named_and_changes_nothing(
    client: httpx.AsyncClient, resources: Resources, changes: dict[str, Any], pointer: str
) -> None:
    post = await write(client, ADA, draft())
    created = await client.post(POSTS, json=draft(**changes), headers=ADA.headers)
    for response in (created, await edit(client, ADA, post, changes)):
        problem = assert_problem(response, 422)
        assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert await slugs(resources) == [post["slug"]]
    assert (await client.get(f"{POSTS}/{post['id']}", headers=ADA.headers)).json() == post


@pytest.mark.parametrize("missing", ["title", "body"])
async def test_title_and_body_are_required(client: httpx.AsyncClient, missing: str) -> None:
    body = draft()
    del body[missing]
    problem = assert_problem(await client.post(POSTS, json=body, headers=ADA.headers), 422)
    assert problem["errors"][0]["pointer"] == f"/{missing}"


async def test_any_language_may_be_written(client: httpx.AsyncClient) -> None:
    body = published(
        title="\U0001f600", body="مرحبا \U0001f600", tags=["हिन्दी", "Größe", "e\u0301te", "日本"]
    )
    post = await write(client, ADA, body)
    assert post["slug"].startswith("post-")
    assert post["tags"] == ["हिन्दी", "größe", "\u00e9te", "日本"]
    assert await titles(client, tag="GRÖSSE".replace("SS", "ß")) == ["\U0001f600"]


@pytest.mark.requirement("ASVS 8.2.3")
async def test_a_post_is_its_authors_whatever_its_body_says(client: httpx.AsyncClient) -> None:
    wished = {
        "id": str(new_id()),
        "slug": "wished-for",
        "author": {"username": "grace"},
        "author_id": str(GRACE.id),
        "published_at": "2020-01-01T00:00:00Z",
        "body_html": "<script>1</script>",
    }
    written = await write(client, ADA, draft(**wished))
    edited = (await edit(client, ADA, written, {"title": "Mine", **wished})).json()
    for post in (written, edited):
        assert post["author"]["username"] == "ada"
        assert post["published_at"] is None
        assert post["body_html"] == "<p>Hello, <em>world</em>.</p>\n"
        assert (post["id"], post["slug"]) == (written["id"], "on-compilers")
    assert written["id"] != wished["id"]
