"""Inboxes say the same in whichever order two producers are heard, and how often."""

import asyncio
from collections.abc import Iterator
from itertools import combinations
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event

from common.contracts import Event
from common.ids import new_id
from notifier_service.resources import Resources
from notifier_service.usecases.notifications import settle_inboxes
from services.notifier.tests.factories import Person, apply, hear, inboxes


class Story:
    """Two producers' events about one author, each list in its order, and what they lead to."""

    def __init__(self) -> None:
        self.author, self.fan, self.friend = Person("author"), Person("fan"), Person("friend")
        author, fan, friend = self.author, self.fan, self.friend
        kept = author.publishes("Kept", 3)
        between = author.publishes("Between", 5)
        gone = author.publishes("Gone", 7)
        self.users: list[Event] = [
            fan.follows(author, 2),
            fan.unfollows(author, 4),
            friend.follows(author, 4),
            fan.follows(author, 6),
        ]
        self.posts: list[Event] = [kept, between, gone, author.deletes(gone)]
        self.due = {
            (fan.id, kept.post_id),
            (friend.id, between.post_id),
        }


ORDERS = list(combinations(range(8), 4))


def interleaved(story: Story, order: tuple[int, ...]) -> Iterator[tuple[Event, int]]:
    """The events with their positions: those of users at the places of `order`."""
    users, posts = enumerate(story.users, 1), enumerate(story.posts, 1)
    for place in range(len(story.users) + len(story.posts)):
        position, told = next(users if place in order else posts)
        yield told, position


async def tell(resources: Resources, story: Story, order: tuple[int, ...]) -> None:
    async with resources.transaction() as tx:
        for told, position in interleaved(story, order):
            await apply(tx, told, position)


def of(story: Story, found: set[tuple[UUID, UUID]]) -> set[tuple[UUID, UUID]]:
    people = {story.author.id, story.fan.id, story.friend.id}
    return {item for item in found if item[0] in people}


async def test_all_orders_of_two_producers_lead_to_the_same_inboxes(resources: Resources) -> None:
    stories = {order: Story() for order in ORDERS}
    for order, story in stories.items():
        await tell(resources, story, order)
    found = await inboxes(resources)
    assert len(ORDERS) == 70
    for order, story in stories.items():
        assert of(story, found) == story.due, order


@pytest.mark.parametrize("first", [ORDERS[0], ORDERS[-1]])
async def test_hearing_everything_again_changes_nothing(
    resources: Resources, first: tuple[int, ...]
) -> None:
    story = Story()
    for order in (first, *ORDERS[::25]):
        await tell(resources, story, order)
        assert await inboxes(resources) == story.due


async def test_a_post_that_is_deleted_before_its_followers_are_known_notifies_nobody(
    resources: Resources,
) -> None:
    author, fan = Person("author"), Person("fan")
    post = author.publishes("Gone", 2)
    await hear(resources, post, author.deletes(post), fan.follows(author, 1))
    assert await inboxes(resources) == set()


async def test_a_post_that_is_published_again_is_one_item_of_its_first_time(
    resources: Resources,
) -> None:
    author, fan, late = Person("author"), Person("fan"), Person("late")
    post = author.publishes("Post", 2)
    again = author.publishes("Renamed", 4, post.post_id)
    await hear(resources, fan.follows(author, 1), late.follows(author, 3), post, again)
    assert await inboxes(resources) == {(fan.id, post.post_id)}


async def test_the_moments_of_follow_and_unfollow_count_as_followed(resources: Resources) -> None:
    author, fan = Person("author"), Person("fan")
    posts = [author.publishes(f"P{minute}", minute) for minute in (0, 1, 2, 3)]
    await hear(resources, fan.follows(author, 1), fan.unfollows(author, 2), *posts)
    assert await inboxes(resources) == {(fan.id, post.post_id) for post in posts[1:3]}


async def test_a_follow_and_a_post_at_the_same_moment_do_not_miss_each_other(
    resources: Resources,
) -> None:
    author, fan = Person("author"), Person("fan")
    post = author.publishes("Post", 2, new_id())

    async def publish() -> None:
        async with resources.transaction() as tx:
            await apply(tx, post, 1)

    async with resources.transaction() as tx:
        await apply(tx, fan.follows(author, 1), 1)
        await settle_inboxes(tx)
        publishing = asyncio.create_task(publish())
        await asyncio.sleep(0.2)
        assert not publishing.done()
    await publishing
    assert await inboxes(resources) == {(fan.id, post.post_id)}


async def test_a_batch_settles_once_however_many_follows_it_changes(resources: Resources) -> None:
    author, fans = Person("author"), [Person(f"fan{n}") for n in range(20)]
    posts = [author.publishes(f"P{minute}", minute) for minute in range(30)]
    await hear(resources, *posts)
    statements: list[str] = []

    def remember(*call: Any) -> None:
        statements.append(call[2])

    engine = resources.platform.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", remember)
    async with resources.transaction() as tx:
        for turn in range(10):
            for fan in fans:
                change = fan.unfollows if turn % 2 else fan.follows
                await apply(tx, change(author, 3 * turn), turn + 1)
    event.remove(engine, "before_cursor_execute", remember)
    settling = [each for each in statements if "notifications" in each]
    assert len(settling) == 2
    followed = {post.post_id for post in posts if post.published_at.minute % 6 <= 3}
    assert await inboxes(resources) == {(fan.id, post_id) for fan in fans for post_id in followed}
