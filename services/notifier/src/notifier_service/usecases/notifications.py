"""Inboxes are what the copies of posts and follows say, whichever of the two arrived first.

Posts and follows come from two producers, between which there is no order. So whoever writes one
of the copies brings the items it concerns in line with both, and no two do so at the same time:
else each could miss what the other has not committed yet.
"""

from datetime import datetime
from uuid import UUID, uuid5

from notifier_service.repositories.notifications import InboxItem, Scope
from notifier_service.unit_of_work import Reads, Tx


async def deliver_due(tx: Tx, scope: Scope) -> None:
    """Put into inboxes what the copies say and is not there."""
    missing = await tx.notifications.find_missing(scope)
    await tx.notifications.add(
        [
            {
                "id": uuid5(post_id, str(recipient_id)),
                "recipient_id": recipient_id,
                "post_id": post_id,
                "created_at": published_at,
            }
            for post_id, recipient_id, published_at in missing
        ]
    )


async def withdraw_undue(tx: Tx, scope: Scope) -> None:
    """Take out of inboxes what the copies no longer say."""
    await tx.notifications.remove_undue(scope)


async def list_inbox(
    reads: Reads, *, recipient_id: UUID, limit: int, after: tuple[datetime, UUID] | None
) -> list[InboxItem]:
    """List one person's items, newest first, from the one that follows `after`."""
    return await reads.inbox.page(recipient_id, limit=limit, after=after)
