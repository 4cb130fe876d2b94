"""Copies rebuilt from what is: they notify nobody, and later events meet the right state."""

from collections.abc import AsyncIterator

import pytest

from common.testing.producers import Producer, open_producer
from devstack.fixtures import Databases, ValkeyDatabase
from notifier_service.consumers import COPIES, HANDLERS
from notifier_service.resources import Resources
from services.notifier.tests.factories import Person, inboxes

AUTHOR, FAN, FRIEND = Person("author"), Person("fan"), Person("friend")


@pytest.fixture
async def users(
    service_database: Databases, valkey_database: ValkeyDatabase, resources: Resources
) -> AsyncIterator[Producer]:
    async with open_producer(
        "users", service_database, valkey_database, resources, (HANDLERS, COPIES)
    ) as producer:
        yield producer


@pytest.fixture
async def posts(
    service_database: Databases, valkey_database: ValkeyDatabase, resources: Resources
) -> AsyncIterator[Producer]:
    async with open_producer(
        "posts", service_database, valkey_database, resources, (HANDLERS, COPIES)
    ) as producer:
        yield producer


async def test_a_rebuilt_follow_notifies_of_later_posts_alone(
    users: Producer, posts: Producer, resources: Resources
) -> None:
    await posts.heard(AUTHOR.publishes("Before", 5))
    await users.rebuild(FAN.follows(AUTHOR, 1))
    assert await inboxes(resources) == set()
    later = AUTHOR.publishes("Later", 6)
    await posts.heard(later)
    assert await inboxes(resources) == {(FAN.id, later.post_id)}


async def test_a_follow_that_is_gone_ends_and_what_it_led_to_stays(
    users: Producer, posts: Producer, resources: Resources
) -> None:
    first, second = AUTHOR.publishes("First", 2), AUTHOR.publishes("Second", 3 * 365 * 24 * 60)
    await users.heard(FAN.follows(AUTHOR, 1), FRIEND.follows(AUTHOR, 1))
    await posts.heard(first)
    await users.rebuild(FRIEND.follows(AUTHOR, 1))
    await posts.heard(second)
    assert await inboxes(resources) == {
        (FAN.id, first.post_id),
        (FRIEND.id, first.post_id),
        (FRIEND.id, second.post_id),
    }


async def test_a_post_that_is_gone_leaves_all_inboxes(
    users: Producer, posts: Producer, resources: Resources
) -> None:
    kept, gone = AUTHOR.publishes("Kept", 2), AUTHOR.publishes("Gone", 3)
    await users.heard(FAN.follows(AUTHOR, 1))
    await posts.heard(kept, gone)
    await posts.rebuild(kept)
    assert await inboxes(resources) == {(FAN.id, kept.post_id)}
