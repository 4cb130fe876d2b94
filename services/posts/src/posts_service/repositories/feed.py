"""The feed of a reader: the newest posts of whom they follow, found when it is read.

The one statement asks the index for the newest post of each followed author, and only of the
freshest authors for more: a page has posts of no others. So its work grows with how many authors
are followed, one look each, and not with how many posts there are.
"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    DateTime,
    Integer,
    Select,
    Subquery,
    Uuid,
    bindparam,
    exists,
    select,
    true,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.selectable import LateralFromClause

from posts_service.models import Follow, Mute, Post
from posts_service.repositories.posts import (
    PUBLISHED,
    PostSummaryView,
    at_most,
    summaries_of,
    summary_of,
)
from posts_service.repositories.relations import blocks_between

_READER: Final = bindparam("reader_id", type_=Uuid())
# Told to PostgreSQL when it plans, as by `at_most`.
_LIMIT: Final = bindparam("limit", type_=Integer(), literal_execute=True)
_AFTER: Final = tuple_(
    bindparam("published_at", type_=DateTime(timezone=True)), bindparam("post_id", type_=Uuid())
)


class FeedReads:
    """Feeds, outside of a transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def page(
        self, reader_id: UUID, *, after: tuple[datetime, UUID] | None, limit: int
    ) -> list[PostSummaryView]:
        """Return posts of whom the reader follows, newest first, that follow the key `after`."""
        values: dict[str, Any] = {"reader_id": reader_id, "limit": limit}
        if after is not None:
            values |= {"published_at": after[0], "post_id": after[1]}
        statement = _FIRST_PAGE if after is None else _LATER_PAGE
        return [summary_of(row) for row in await self._connection.execute(statement, values)]


def _page(*, later: bool) -> Select[Any]:
    followed = _followed()
    # If the newest posts of a page's worth of authors are newer than one's newest post, the page
    # is full before it comes to that one.
    head = _newest_of(followed.c.target_id, later=later, limit=at_most(1), name="head")
    freshest = _first(followed, head, followed.c.target_id, name="freshest")
    newest = _newest_of(freshest.c.target_id, later=later, limit=_LIMIT, name="newest")
    page = _first(freshest, newest, newest.c.id, newest.c.published_at, name="page")
    return summaries_of(page)


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


def _newest_of(author_id: Any, *, later: bool, limit: Any, name: str) -> LateralFromClause:
    place = (Post.published_at, Post.id)
    query = select(*place).where(Post.author_id == author_id, PUBLISHED)
    if later:
        query = query.where(tuple_(*place) < _AFTER)
    return query.order_by(*(column.desc() for column in place)).limit(limit).lateral(name)


def _first(authors: Subquery, posts: LateralFromClause, *columns: Any, name: str) -> Subquery:
    """Return the columns for the newest of the posts that were found of each author."""
    query = select(*columns).select_from(authors).join(posts, true())
    query = query.order_by(posts.c.published_at.desc(), posts.c.id.desc())
    return query.limit(_LIMIT).subquery(name)


# Built once: every feed asks for one of the two.
_FIRST_PAGE: Final = _page(later=False)
_LATER_PAGE: Final = _page(later=True)
