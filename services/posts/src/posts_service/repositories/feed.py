"""The feed of a reader: the newest posts of whom they follow, found when it is read.

The one statement looks into the index of each followed author for a page at most and merges what
it found: its work grows with how many authors are followed, not with how many posts there are.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Subquery, exists, select, true, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.selectable import LateralFromClause

from posts_service.models import Author, Follow, Mute, Post
from posts_service.repositories.posts import (
    PUBLISHED,
    SUMMARY,
    PostSummaryView,
    summary_of,
)
from posts_service.repositories.relations import blocks_between


class FeedReads:
    """Feeds, outside of a transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def page(
        self, reader_id: UUID, *, after: tuple[datetime, UUID] | None, limit: int
    ) -> list[PostSummaryView]:
        """Return posts of whom the reader follows, newest first, that follow the key `after`."""
        followed = _followed(reader_id)
        newest = _newest_of(followed.c.target_id, after, limit)
        order = (newest.c.published_at.desc(), newest.c.id.desc())
        page = (
            select(newest.c.id, newest.c.published_at)
            .select_from(followed)
            .join(newest, true())
            .order_by(*order)
            .limit(limit)
            .subquery("page")
        )
        # Only the posts of the page are read as a whole, in the order that they were found in.
        query = (
            select(*SUMMARY)
            .select_from(page)
            .join(Post, Post.id == page.c.id)
            .join(Author, Author.user_id == Post.author_id)
            .order_by(page.c.published_at.desc(), page.c.id.desc())
        )
        return [summary_of(row) for row in await self._connection.execute(query)]


def _followed(reader_id: UUID) -> Subquery:
    muted = exists().where(
        Mute.actor_id == reader_id, Mute.target_id == Follow.target_id, Mute.ended.is_(False)
    )
    # Not one condition with OR: each of the three can be a join then.
    blocks, blocked = blocks_between(reader_id, Follow.target_id)
    return (
        select(Follow.target_id)
        .where(Follow.actor_id == reader_id, Follow.ended.is_(False), ~muted, ~blocks, ~blocked)
        .subquery("followed")
    )


def _newest_of(
    author_id: Any, after: tuple[datetime, UUID] | None, limit: int
) -> LateralFromClause:
    place = (Post.published_at, Post.id)
    query = select(*place).where(Post.author_id == author_id, PUBLISHED)
    if after is not None:
        query = query.where(tuple_(*place) < tuple_(*after))
    return query.order_by(*(column.desc() for column in place)).limit(limit).lateral("newest")
