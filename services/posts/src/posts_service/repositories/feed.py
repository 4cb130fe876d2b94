"""The feed of a reader: the newest posts of whom they follow, found when it is read.

A statement finds the freshest of the followed authors, and only of those posts: a page has posts of
no others. The first page looks up the newest post of each author where it is kept, a later one asks
the index for the newest before its key. So the work grows with how many authors are followed, one
look each, and not with how many posts there are.
"""

from datetime import datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    DateTime,
    Select,
    Subquery,
    Uuid,
    bindparam,
    case,
    exists,
    func,
    literal_column,
    select,
    true,
    tuple_,
)
from sqlalchemy.sql.selectable import LateralFromClause

from common.db import Executor, Statement
from posts_service.models import Follow, Mute, NewestPost, Post
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
_PLACE: Final = (Post.published_at, Post.id)
_LONG_AGO: Final = literal_column("'-infinity'::timestamptz", DateTime(timezone=True))


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
    return Statement(_later_page(limit) if later else _first_page(limit))


def _first_page(limit: int) -> Select[Any]:
    followed = _followed()
    place = (NewestPost.published_at, NewestPost.post_id)
    freshest = (
        select(followed.c.target_id, NewestPost.published_at)
        .join(NewestPost, NewestPost.author_id == followed.c.target_id)
        .order_by(*(column.desc() for column in place))
        .limit(at_most(limit))
        .cte("freshest")
    )
    # If there is a page's worth of them, no post of the page is older than the newest of the last.
    is_full = func.count() == at_most(limit)
    oldest = case((is_full, func.min(freshest.c.published_at)), else_=_LONG_AGO)
    bound = select(oldest.label("published_at")).select_from(freshest).cte("bound")
    posts = _posts_of(freshest.c.target_id).where(Post.published_at >= bound.c.published_at)
    newest = _newest(posts, limit=limit, name="newest")
    page = select(newest.c.id, newest.c.published_at).select_from(bound)
    page = page.join(freshest, true()).join(newest, true())
    return summaries_of(_newest_first(page, newest, limit=limit).subquery("page"))


def _later_page(limit: int) -> Select[Any]:
    followed = _followed()
    # If the newest posts of a page's worth of authors are newer than one's newest post, the page
    # is full before it comes to that one.
    head = _newest(_posts_before(followed.c.target_id), limit=1, name="head")
    heads = select(followed.c.target_id).select_from(followed).join(head, true())
    freshest = _newest_first(heads, head, limit=limit).subquery("freshest")
    newest = _newest(_posts_before(freshest.c.target_id), limit=limit, name="newest")
    page = select(newest.c.id, newest.c.published_at).select_from(freshest).join(newest, true())
    return summaries_of(_newest_first(page, newest, limit=limit).subquery("page"))


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


def _posts_of(author_id: Any) -> Select[*tuple[Any, ...]]:
    return select(*_PLACE).where(Post.author_id == author_id, PUBLISHED)


def _posts_before(author_id: Any) -> Select[*tuple[Any, ...]]:
    return _posts_of(author_id).where(tuple_(*_PLACE) < AFTER)


def _newest(posts: Select[*tuple[Any, ...]], *, limit: int, name: str) -> LateralFromClause:
    query = posts.order_by(*(column.desc() for column in _PLACE))
    return query.limit(at_most(limit)).lateral(name)


def _newest_first(query: Select[Any], posts: LateralFromClause, *, limit: int) -> Select[Any]:
    """Return the first rows of a query by the posts that were found for them."""
    return query.order_by(posts.c.published_at.desc(), posts.c.id.desc()).limit(at_most(limit))
