"""Inboxes are what the copies of posts and follows say, whichever of the two arrived first.

Posts and follows come from two producers, between which there is no order. So whoever writes one
of the copies brings the items it concerns in line with both, and no two do so at the same time:
else each could miss what the other has not committed yet.
"""

from datetime import datetime
from uuid import UUID

from notifier_service.repositories.notifications import InboxItem
from notifier_service.unit_of_work import Reads, Tx


async def settle_inboxes(tx: Tx) -> None:
    """Bring inboxes in line with the copies, once for all that the transaction has written.

    Once an event would cost what was published since it, for each of them: a consumer that is late
    would fall behind ever more. So a batch costs the more the later it is, but not its events.
    """
    await tx.notifications.settle()


async def list_inbox(
    reads: Reads, *, recipient_id: UUID, limit: int, after: tuple[datetime, UUID] | None
) -> list[InboxItem]:
    """List one person's items, newest first, from the one that follows `after`."""
    return await reads.inbox.page(recipient_id, limit=limit, after=after)
