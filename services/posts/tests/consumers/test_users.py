"""What becomes of users' events, from a real entry on their stream to the name in a post."""

import asyncio
from typing import ClassVar

import httpx
import pytest

from common.contracts import Event
from common.place import Place
from common.testing.conformance import assert_problem
from common.testing.producers import Producer
from posts_service.models import Author
from posts_service.resources import Resources
from posts_service.usecases import authors
from services.posts.tests.factories import (
    POSTS,
    Person,
    author,
    draft,
    edit,
    events,
    published,
    titles,
    write,
)

ADA = Person("ada")
GRACE = Person("grace")


class AvatarChanged(Event):
    """Something that users may tell one day."""

    wire_name: ClassVar = "users.avatar_changed.v1"


async def name(client: httpx.AsyncClient, slug: str = "on-compilers") -> tuple[str, str]:
    shown = (await client.get(f"{POSTS}/{slug}")).json()["author"]
    return shown["username"], shown["display_name"]


async def test_a_post_follows_a_rename(client: httpx.AsyncClient, users: Producer) -> None:
    await write(client, ADA, published())
    assert await name(client) == ("ada", "ada")
    await users.heard(ADA.called("Ada Lovelace"))

    assert await name(client) == ("ada", "Ada Lovelace")
    [item] = (await client.get(POSTS)).json()["items"]
    assert item["author"]["display_name"] == "Ada Lovelace"
    assert users.log_reads == 0


async def test_a_rename_changes_the_tag_of_every_post(
    client: httpx.AsyncClient, users: Producer
) -> None:
    post = await write(client, ADA, published())
    tag = (await client.get(f"{POSTS}/{post['id']}")).headers["etag"]
    await users.heard(ADA.called("Ada Lovelace"))

    read = await client.get(f"{POSTS}/{post['id']}", headers={"If-None-Match": tag})
    assert (read.status_code, read.json()["author"]["display_name"]) == (200, "Ada Lovelace")
    late = await edit(client, ADA, post, {"title": "x"}, **{"If-Match": tag})
    assert_problem(late, 412)


async def test_the_event_of_a_publication_names_the_author_as_posts_knows_them(
    client: httpx.AsyncClient, users: Producer, resources: Resources
) -> None:
    await users.heard(ADA.called("Ada", username="ada_lovelace"))
    post = await write(client, ADA, draft())
    await edit(client, ADA, post, {"status": "published"})

    [(_, _, event)] = await events(resources)
    assert event["author_username"] == "ada_lovelace"
    assert post["author"] == {"username": "ada_lovelace", "display_name": "Ada"}


async def test_a_token_does_not_undo_what_an_event_said(
    client: httpx.AsyncClient, users: Producer, resources: Resources
) -> None:
    await write(client, ADA, published())
    row = await author(resources, ADA)
    assert (row.epoch, row.position) == (0, 0)
    await users.heard(ADA.called("Ada Lovelace"))
    await write(client, ADA, published())

    row = await author(resources, ADA)
    assert (row.display_name, row.epoch, row.position) == ("Ada Lovelace", 1, 2)


async def test_events_that_come_again_change_nothing(users: Producer, resources: Resources) -> None:
    await users.heard(ADA.called("First"), ADA.called("Second"), GRACE.called("Grace"))
    await users.rewind()
    row = await author(resources, ADA)
    assert (row.display_name, row.position) == ("Second", 3)


async def test_the_list_finds_an_author_under_the_name_they_have_now(
    client: httpx.AsyncClient, users: Producer
) -> None:
    await write(client, ADA, published(title="Ada's"))
    await write(client, GRACE, published(title="Grace's"))
    await users.heard(ADA.called("Ada", username="countess"))
    assert await titles(client, author="countess") == ["Ada's"]
    assert await titles(client, author="ada") == []
    # Grace takes the name that is free; Ada's event of giving it up may not be the last.
    await users.heard(GRACE.called("Grace", username="countess"))
    assert await titles(client, author="countess") == ["Grace's"]


async def test_renames_and_posts_at_once_lose_nothing(
    client: httpx.AsyncClient, users: Producer
) -> None:
    posts = [write(client, ADA, published(title=f"No {n}")) for n in range(5)]
    await asyncio.gather(users.heard(ADA.called("Ada Lovelace")), *posts)
    shown = [item["author"] for item in (await client.get(POSTS)).json()["items"]]
    assert shown == [{"username": "ada", "display_name": "Ada Lovelace"}] * 5


async def test_a_post_does_not_wait_for_a_rename_that_is_not_committed_yet(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await write(client, ADA, published())
    async with resources.transaction() as tx, asyncio.timeout(1):
        await authors.copy_author(
            tx, user_id=ADA.id, username="ada", display_name="Ada", place=Place(1, 1)
        )
        await write(client, ADA, published())


@pytest.mark.parametrize("count", [1, 3])
async def test_events_that_do_not_concern_posts_are_passed_over(
    users: Producer, resources: Resources, count: int
) -> None:
    await users.heard(*(AvatarChanged() for _ in range(count)), ADA.called("Ada"))
    assert (await author(resources, ADA)).position == count + 2


async def test_a_rebuild_renews_names_and_forgets_who_is_gone_without_posts(
    client: httpx.AsyncClient, users: Producer, resources: Resources
) -> None:
    await write(client, ADA, published())
    await users.heard(ADA.called("Ada"), GRACE.called("Grace"))
    await users.rebuild(ADA.called("Ada Lovelace"))

    assert await name(client) == ("ada", "Ada Lovelace")
    async with resources.transaction() as tx:
        assert await tx.session.get(Author, GRACE.id) is None
        assert await tx.session.get(Author, ADA.id) is not None


async def test_a_rebuild_keeps_an_author_that_a_post_needs(
    client: httpx.AsyncClient, users: Producer
) -> None:
    await write(client, ADA, published())
    await users.heard(ADA.called("Ada"))
    await users.rebuild()
    assert await name(client) == ("ada", "Ada")
