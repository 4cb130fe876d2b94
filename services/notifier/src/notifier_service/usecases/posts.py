"""The copy of published posts, and what it means for inboxes."""

from uuid import UUID

from common.place import Place
from notifier_service.models import PublishedPost
from notifier_service.repositories.notifications import Scope
from notifier_service.unit_of_work import Tx
from notifier_service.usecases.notifications import deliver_due, withdraw_undue


async def copy_post(tx: Tx, *, post: PublishedPost) -> None:
    """Copy a published post and notify those who followed its author then."""
    await tx.notifications.lock()
    await tx.posts.publish(post)
    await deliver_due(tx, Scope(post_id=post.post_id))


async def delete_post(tx: Tx, *, post_id: UUID, place: Place) -> None:
    """Copy that a post is gone, and take it out of all inboxes."""
    await tx.notifications.lock()
    await tx.posts.delete(post_id, place=place)
    await withdraw_undue(tx, Scope(post_id=post_id))


async def copy_known_post(tx: Tx, *, post: PublishedPost) -> None:
    """Copy what a snapshot says of a post; it notifies nobody."""
    await tx.notifications.lock()
    await tx.posts.publish(post)


async def forget_posts(tx: Tx, *, place: Place) -> None:
    """Drop the posts that a snapshot of `place` lacks, and take them out of all inboxes."""
    await tx.notifications.lock()
    for post_id in await tx.posts.delete_older(place=place):
        await withdraw_undue(tx, Scope(post_id=post_id))
