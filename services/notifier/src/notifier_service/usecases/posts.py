"""The copy of published posts, and what it means for inboxes."""

from uuid import UUID

from common.place import Place
from notifier_service.models import PublishedPost
from notifier_service.unit_of_work import Tx
from notifier_service.usecases.notifications import settle_post


async def copy_post(tx: Tx, *, post: PublishedPost) -> None:
    """Copy a published post and notify those who followed its author then."""
    await tx.notifications.lock()
    await tx.posts.publish(post)
    await settle_post(tx, post_id=post.post_id)


async def delete_post(tx: Tx, *, post_id: UUID, place: Place) -> None:
    """Copy that a post is gone, and take it out of all inboxes."""
    await tx.notifications.lock()
    await tx.posts.delete(post_id, place=place)
    await settle_post(tx, post_id=post_id)
