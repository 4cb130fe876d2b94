"""A feed is what sorting everything would give, also where many posts are of one moment."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from posts_service.models import Author, Block, Follow, Mute, Post
from posts_service.repositories.posts import PostSummaryView
from posts_service.resources import Resources

READER = UUID(int=1)
DAWN = datetime(2026, 1, 1, tzinfo=UTC)


def author(number: int) -> Author:
    return Author(
        user_id=UUID(int=number), username=f"a{number}", display_name="", epoch=1, position=1
    )


def post(number: int, author_id: UUID, second: int, *, published: bool) -> Post:
    at = DAWN + timedelta(seconds=second)
    return Post(
        id=UUID(int=number),
        author_id=author_id,
        slug=f"slug-{number}",
        title="",
        body="",
        body_html="",
        tags=[],
        status="published" if published else "draft",
        published_at=at if published else None,
        created_at=at,
        updated_at=at,
    )


def relation(kind: Callable[..., Any], actor: UUID, target: UUID, *, ended: bool = False) -> Any:
    return kind(actor_id=actor, target_id=target, ended=ended, epoch=1, position=1)


async def pages(resources: Resources, limit: int) -> list[UUID]:
    """All posts of the reader's feed, read page by page."""
    found: list[PostSummaryView] = []
    after: tuple[datetime, UUID] | None = None
    while page := await resources.reads.feed.page(READER, after=after, limit=limit):
        found += page
        last = found[-1].document
        assert last["published_at"] is not None
        after = (last["published_at"], last["id"])
    return [view.document["id"] for view in found]


@pytest.mark.parametrize("seed", range(4))
async def test_a_feed_is_what_sorting_everything_would_give(
    resources: Resources, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 — the same rows in every run.
    authors = [author(number) for number in range(100, 112)]
    ids = [each.user_id for each in authors]
    posts = [
        post(n, chance.choice(ids), chance.randrange(6), published=chance.random() < 0.9)
        for n in chance.sample(range(1000, 2000), 60)
    ]
    followed, unfollowed, muted, unmuted, blocked, blocking = (
        set(chance.sample(ids, size)) for size in (8, 1, 2, 1, 1, 1)
    )
    rows = [relation(Follow, READER, each, ended=each in unfollowed) for each in followed]
    rows += [relation(Mute, READER, each, ended=each in unmuted) for each in muted]
    rows += [relation(Block, READER, each) for each in blocked]
    rows += [relation(Block, each, READER) for each in blocking]
    async with resources.transaction() as tx:
        tx.session.add_all(authors)
        await tx.session.flush()
        tx.session.add_all([*posts, *rows])
    seen = followed - unfollowed - (muted - unmuted) - blocked - blocking
    expected = sorted(
        (each.published_at, each.id)
        for each in posts
        if each.published_at and each.author_id in seen
    )
    assert expected
    for limit in (1, 2, 3, 7, 100):
        assert await pages(resources, limit) == [post_id for _, post_id in reversed(expected)]
