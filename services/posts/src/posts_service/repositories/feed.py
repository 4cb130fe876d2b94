"""The feed of a reader: the newest posts of whom they follow, found when it is read.

The one statement asks the index for the newest post of each followed author, and only of the
freshest authors for more: a page has posts of no others. So its work grows with how many authors
are followed, one look each, and not with how many posts there are.
"""

from datetime import datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Subquery, Uuid, bindparam, exists, select, true, tuple_
from sqlalchemy.sql.selectable import LateralFromClause

from common.db import Executor, Statement
from posts_service.models import Follow, Mute, Post
from posts_service.repositories.posts import (
    AFTER,
    PUBLISHED,
    PostSummaryView,
    at_most,
    summaries_of,
    summary_of,
)
from posts_service.repositories.relations import blocks_between

_READER: Final = bindparam("reader_id", type_=Uuid())


class FeedReads:
    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def page(
        self, reader_id: UUID, *, after: tuple[datetime, UUID] | None, limit: int
    ) -> list[PostSummaryView]:
        """Return posts of whom the reader follows, newest first, that follow the key `after`."""
        values: dict[str, Any] = {"reader_id": reader_id}
        if after is not None:
            values |= {"published_at": after[0], "post_id": after[1]}
        rows = await self._executor.all(_page(later=after is not None, limit=limit), **values)
        return [summary_of(row) for row in rows]


@cache
def _page(*, later: bool, limit: int) -> Statement:
    followed = _followed()
    # If the newest posts of a page's worth of authors are newer than one's newest post, the page
    # is full before it comes to that one.
    head = _newest_of(followed.c.target_id, later=later, limit=1, name="head")
    freshest = _first(followed, head, followed.c.target_id, limit=limit, name="freshest")
    newest = _newest_of(freshest.c.target_id, later=later, limit=limit, name="newest")
    columns = (newest.c.id, newest.c.published_at)
    return Statement(summaries_of(_first(freshest, newest, *columns, limit=limit, name="page")))


def _followed() -> Subquery:
    muted = exists().where(
        Mute.actor_id == _READER, Mute.target_id == Follow.target_id, Mute.ended.is_(False)
    )
    # Not one condition with OR: each of the three can be a join then.
    blocks, blocked = blocks_between(_READER, Follow.target_id)
    return (
        select(Follow.target_id)
        .where(Follow.actor_id == _READER, Follow.ended.is_(False), ~muted, ~blocks, ~blocked)
        .subquery("followed")
    )


def _newest_of(author_id: Any, *, later: bool, limit: int, name: str) -> LateralFromClause:
    place = (Post.published_at, Post.id)
    query = select(*place).where(Post.author_id == author_id, PUBLISHED)
    if later:
        query = query.where(tuple_(*place) < AFTER)
    return query.order_by(*(column.desc() for column in place)).limit(at_most(limit)).lateral(name)


def _first(
    authors: Subquery, posts: LateralFromClause, *columns: Any, limit: int, name: str
) -> Subquery:
    """Return the columns for the newest of the posts that were found of each author."""
    query = select(*columns).select_from(authors).join(posts, true())
    query = query.order_by(posts.c.published_at.desc(), posts.c.id.desc())
    return query.limit(at_most(limit)).subquery(name)
