"""The copy of who follows whom, and what it means for inboxes."""

from datetime import datetime
from uuid import UUID

from common.place import Place
from notifier_service.unit_of_work import Tx


def begin_follow(
    tx: Tx, *, follower_id: UUID, followee_id: UUID, since: datetime, place: Place
) -> None:
    """Copy that somebody follows somebody; posts since then belong into the inbox."""
    tx.follows.begin(follower_id=follower_id, followee_id=followee_id, since=since, place=place)
    tx.notifications.follow_changed(author_id=followee_id, recipient_id=follower_id, since=since)


def end_follow(
    tx: Tx, *, follower_id: UUID, followee_id: UUID, until: datetime, place: Place
) -> None:
    """Copy that somebody follows somebody no longer; earlier posts stay in the inbox."""
    tx.follows.end(follower_id=follower_id, followee_id=followee_id, until=until, place=place)
    tx.notifications.follow_changed(author_id=followee_id, recipient_id=follower_id, since=until)


def copy_follow(
    tx: Tx, *, follower_id: UUID, followee_id: UUID, since: datetime, place: Place
) -> None:
    """Copy what a snapshot says of a follow; it notifies nobody."""
    tx.follows.begin(follower_id=follower_id, followee_id=followee_id, since=since, place=place)


async def forget_follows(tx: Tx, *, place: Place, now: datetime) -> None:
    """End the follows that a snapshot of `place` lacks; items they led to stay."""
    await tx.notifications.lock()
    await tx.follows.end_older(until=now, place=place)
