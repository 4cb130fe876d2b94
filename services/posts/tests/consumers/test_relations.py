"""What becomes of users' events about two people, from a real entry on their stream to the copy."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from common.contracts import Event
from common.testing.producers import Producer
from posts_service.models import Block, Follow, Mute, Relation
from posts_service.resources import Resources
from services.posts.tests.factories import Person, related

ADA = Person("ada")
GRACE = Person("grace")
EDITH = Person("edith")


@dataclass(frozen=True)
class Kind:
    """A kind of relation: the copy of it, and the events that begin and end it."""

    copy: type[Relation]
    begin: Callable[[Person, Person], Event]
    end: Callable[[Person, Person], Event]


KINDS = {
    "follow": Kind(Follow, Person.follows, Person.unfollows),
    "mute": Kind(Mute, Person.mutes, Person.unmutes),
    "block": Kind(Block, Person.blocks, Person.unblocks),
}
COPIED: set[type[Relation]] = {Follow, Mute, Block}
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@each_kind
async def test_a_relation_is_copied_and_ends(
    users: Producer, resources: Resources, kind: Kind
) -> None:
    await users.heard(kind.begin(ADA, GRACE), kind.begin(GRACE, EDITH), key="ada")
    assert await related(resources, kind.copy) == {(ADA.id, GRACE.id), (GRACE.id, EDITH.id)}
    await users.heard(kind.end(ADA, GRACE), key="ada")
    assert await related(resources, kind.copy) == {(GRACE.id, EDITH.id)}
    for other in COPIED - {kind.copy}:
        assert await related(resources, other) == set()


@each_kind
async def test_events_that_come_again_bring_nothing_back(
    users: Producer, resources: Resources, kind: Kind
) -> None:
    begin, end = kind.begin(ADA, GRACE), kind.end(ADA, GRACE)
    await users.heard(begin, end, begin, kind.begin(ADA, EDITH), end)
    await users.rewind()
    assert await related(resources, kind.copy) == {(ADA.id, EDITH.id)}


@each_kind
async def test_a_rebuild_ends_what_users_knows_no_longer_and_older_events_do_not_undo_it(
    users: Producer, resources: Resources, kind: Kind
) -> None:
    await users.heard(kind.begin(ADA, GRACE), kind.begin(ADA, EDITH))
    await users.rebuild(kind.begin(ADA, EDITH), kind.begin(EDITH, ADA))
    expected = {(ADA.id, EDITH.id), (EDITH.id, ADA.id)}
    assert await related(resources, kind.copy) == expected
    await users.rewind()
    assert await related(resources, kind.copy) == expected
    await users.heard(kind.begin(ADA, GRACE), kind.end(EDITH, ADA))
    assert await related(resources, kind.copy) == {(ADA.id, EDITH.id), (ADA.id, GRACE.id)}
