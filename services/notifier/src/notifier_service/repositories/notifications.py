"""Inboxes: which items are due by the copies of posts and follows, and one person's pages."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Delete,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from common.db import write_later
from notifier_service.models import Follow, Notification, PublishedPost

# Any constant will do; it is taken in this schema's database by nothing else.
_LOCK: Final = 0x4E4F5449
_ADD: Final = insert(Notification).on_conflict_do_nothing()


@dataclass(frozen=True, slots=True)
class Scope:
    """Which part of the inboxes something happened to: None stands for all.

    `since` is the time from which on posts are concerned: who follows and unfollows somebody again
    and again must not have all that this author ever wrote looked through each time.
    """

    post_id: UUID | None = None
    author_id: UUID | None = None
    recipient_id: UUID | None = None
    since: datetime | None = None

    @property
    def given(self) -> dict[str, UUID | datetime]:
        """The parts that are not None, by name."""
        parts = {
            "post_id": self.post_id,
            "author_id": self.author_id,
            "recipient_id": self.recipient_id,
            "since": self.since,
        }
        return {name: value for name, value in parts.items() if value is not None}


@dataclass(frozen=True, slots=True)
class InboxItem:
    id: UUID
    created_at: datetime
    read_at: datetime | None
    post_id: UUID
    slug: str
    title: str
    author_username: str


class Notifications:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._locked = False

    async def lock(self) -> None:
        """Let no other transaction change posts, follows or notifications until this one ends."""
        if not self._locked:
            await self._session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
            self._locked = True

    async def remove_undue(self, scope: Scope) -> None:
        """Remove items whose post is gone or whose recipient did not follow at its time."""
        given = scope.given
        await self._session.execute(
            _undue(*given), given, execution_options={"synchronize_session": False}
        )

    async def find_missing(self, scope: Scope) -> Sequence[tuple[UUID, UUID, datetime]]:
        """Return post, recipient and time of the items that are due and not there."""
        given = scope.given
        rows = await self._session.execute(_missing(*given), given)
        return [(post_id, recipient_id, at) for post_id, recipient_id, at in rows]

    async def add(self, items: Sequence[dict[str, Any]]) -> None:
        """Add items; those that are there already stay as they are."""
        for item in items:
            write_later(self._session, _ADD, item)


class Inbox:
    """Reads of one person's items: columns only, as they are asked for again and again."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def page(
        self, recipient_id: UUID, *, limit: int, after: tuple[datetime, UUID] | None
    ) -> list[InboxItem]:
        """Return items, newest first, from the one that follows `after`."""
        query = (
            select(
                Notification.id,
                Notification.created_at,
                Notification.read_at,
                Notification.post_id,
                PublishedPost.slug,
                PublishedPost.title,
                PublishedPost.author_username,
            )
            .join(PublishedPost, PublishedPost.post_id == Notification.post_id)
            .where(Notification.recipient_id == recipient_id)
            .order_by(Notification.created_at.desc(), Notification.id.desc())
            .limit(limit)
        )
        if after is not None:
            query = query.where(tuple_(Notification.created_at, Notification.id) < after)
        return [InboxItem(*row) for row in await self._connection.execute(query)]


# Made once for each kind of scope: to make one takes longer than to run it.
@cache
def _undue(*given: str) -> Delete:
    followed = exists().where(Follow.follower_id == Notification.recipient_id, _due_to_followers())
    return delete(Notification).where(
        PublishedPost.post_id == Notification.post_id,
        *_covers(given, Notification.recipient_id, Notification.created_at),
        ~followed,
    )


@cache
def _missing(*given: str) -> Select[UUID, UUID, datetime]:
    there = exists().where(
        Notification.post_id == PublishedPost.post_id,
        Notification.recipient_id == Follow.follower_id,
    )
    return (
        select(PublishedPost.post_id, Follow.follower_id, PublishedPost.published_at)
        .distinct()
        .where(
            _due_to_followers(),
            *_covers(given, Follow.follower_id, PublishedPost.published_at),
            ~there,
        )
    )


def _covers(given: Iterable[str], recipient: Any, at: Any) -> list[ColumnElement[bool]]:
    """Return the conditions of a scope; recipient and time are held by columns of the query's."""
    conditions = {
        "post_id": PublishedPost.post_id == bindparam("post_id"),
        "author_id": PublishedPost.author_id == bindparam("author_id"),
        "recipient_id": recipient == bindparam("recipient_id"),
        "since": at >= bindparam("since"),
    }
    return [conditions[name] for name in given]


def _due_to_followers() -> ColumnElement[bool]:
    """Return the rule: whoever followed the author when the post was published."""
    return and_(
        Follow.followee_id == PublishedPost.author_id,
        Follow.since <= PublishedPost.published_at,
        or_(Follow.until.is_(None), Follow.until >= PublishedPost.published_at),
        PublishedPost.deleted.is_(False),
    )
