"""The copy of published posts, and what it means for inboxes."""

from uuid import UUID

from common.place import Place
from notifier_service.models import PublishedPost
from notifier_service.unit_of_work import Tx


def copy_post(tx: Tx, *, post: PublishedPost) -> None:
    """Copy a published post; those who followed its author then are notified."""
    tx.posts.publish(post)
    tx.notifications.post_changed(post.post_id)


def delete_post(tx: Tx, *, post_id: UUID, place: Place) -> None:
    """Copy that a post is gone; it leaves all inboxes."""
    tx.posts.delete(post_id, place=place)
    tx.notifications.post_changed(post_id)


def copy_known_post(tx: Tx, *, post: PublishedPost) -> None:
    """Copy what a snapshot says of a post; it notifies nobody."""
    tx.posts.publish(post)


async def forget_posts(tx: Tx, *, place: Place) -> None:
    """Drop the posts that a snapshot of `place` lacks; they leave all inboxes."""
    for post_id in await tx.posts.delete_older(place=place):
        tx.notifications.post_changed(post_id)
