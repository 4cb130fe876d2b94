"""Inboxes: what the copies of posts and follows say of them, and one person's pages."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from notifier_service.models import Notification, PublishedPost

# Any constant will do; it is taken in this schema's database by nothing else.
_LOCK: Final = 0x4E4F5449

# The rule: whoever followed the author when the post was published. Both ends bound a scan of the
# index of posts, as an OR would not: an author who is followed again and again has many stretches.
FOLLOWED: Final = """f.followee_id = p.author_id
        AND p.published_at BETWEEN f.since AND coalesce(f.until, 'infinity')"""
_STRETCHES: Final = """
    unnest(CAST(:authors AS uuid[]), CAST(:recipients AS uuid[]), CAST(:sinces AS timestamptz[]))
        AS c (author_id, recipient_id, since)
    JOIN published_posts p ON p.author_id = c.author_id AND p.published_at >= c.since"""
# An item's id follows from its post and its recipient. Whether it is there is looked up by
# recipient and time: a post may have as many items as its author has followers.
_ADD: Final = """
    INSERT INTO notifications (id, recipient_id, post_id, created_at)
    SELECT DISTINCT
           encode(substr(sha256(uuid_send(p.post_id) || uuid_send(f.follower_id)), 1, 16), 'hex')
                ::uuid,
           f.follower_id, p.post_id, p.published_at
      FROM {changed} AND {followed}
     WHERE NOT p.deleted
       AND NOT EXISTS (
           SELECT FROM notifications n
            WHERE n.recipient_id = f.follower_id
              AND n.created_at = p.published_at AND n.post_id = p.post_id)
    ON CONFLICT DO NOTHING"""
# Counted for each item: as a join of three tables it would read all stretches of the author.
_REMOVE: Final = """
    DELETE FROM notifications n USING {stretches}
     WHERE n.recipient_id = c.recipient_id
       AND n.created_at = p.published_at AND n.post_id = p.post_id
       AND 0 = (
           SELECT count(*) FROM follows f WHERE f.follower_id = c.recipient_id AND {followed})"""

_REMOVE_POSTS: Final = text("""
    DELETE FROM notifications n USING published_posts p
     WHERE n.post_id = ANY(:posts) AND p.post_id = n.post_id AND p.deleted""")
_OF_POSTS: Final = "published_posts p JOIN follows f ON p.post_id = ANY(:posts)"
_ADD_POSTS: Final = text(_ADD.format(changed=_OF_POSTS, followed=FOLLOWED))
_REMOVE_STRETCHES: Final = text(_REMOVE.format(stretches=_STRETCHES, followed=FOLLOWED))
_OF_STRETCHES: Final = f"{_STRETCHES} JOIN follows f ON f.follower_id = c.recipient_id"
_ADD_STRETCHES: Final = text(_ADD.format(changed=_OF_STRETCHES, followed=FOLLOWED))


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
    """Items, and what has changed in the copies that they must agree with."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._posts: set[UUID] = set()
        self._stretches: dict[tuple[UUID, UUID], datetime] = {}

    def post_changed(self, post_id: UUID) -> None:
        """Note that the copy of a post has changed."""
        self._posts.add(post_id)

    def follow_changed(self, *, author_id: UUID, recipient_id: UUID, since: datetime) -> None:
        """Note that the copy of who followed whom has changed from a time on."""
        pair = author_id, recipient_id
        self._stretches[pair] = min(since, self._stretches.get(pair, since))

    async def lock(self) -> None:
        """Let no other transaction bring inboxes in line until this one has ended."""
        await self._session.execute(select(func.pg_advisory_xact_lock(_LOCK)))

    async def settle(self) -> None:
        """Bring the items of all that has changed in line with the copies."""
        if not (self._posts or self._stretches):
            return
        await self.lock()
        if self._posts:
            posts = {"posts": list(self._posts)}
            await self._session.execute(_REMOVE_POSTS, posts)
            await self._session.execute(_ADD_POSTS, posts)
        if self._stretches:
            authors, recipients = zip(*self._stretches, strict=True)
            stretches = {
                "authors": list(authors),
                "recipients": list(recipients),
                "sinces": list(self._stretches.values()),
            }
            await self._session.execute(_REMOVE_STRETCHES, stretches)
            await self._session.execute(_ADD_STRETCHES, stretches)


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
