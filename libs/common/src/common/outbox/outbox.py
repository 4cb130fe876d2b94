"""The outbox of a transaction: an event commits with the fact that it reports, or not at all."""

from typing import Any, Final
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts import Event
from common.ids import new_id
from common.outbox.tables import OutboxRow
from common.trace import current_headers

_ADD: Final = insert(OutboxRow)


class Outbox:
    """Adds events to the transaction of `session`."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, event: Event, *, key: UUID | str) -> UUID:
        """Write the event's row; the relay publishes it after the commit.

        Args:
            event: The fact.
            key: The aggregate whose events stay in order: its row must be locked by now, which the
                flush ensures for what the session has pending.

        Returns:
            The event's id, from which consumers derive the ids of what they make of it.
        """
        row = outbox_values(event, key=key)
        # At once, not later: events of one transaction and of those that overtake it are numbered
        # in the order in which they were added.
        await self._session.flush()
        await self._session.execute(_ADD, row)
        event_id: UUID = row["event_id"]
        return event_id


def outbox_values(event: Event, *, key: UUID | str) -> dict[str, Any]:
    """Return the columns of an event's row, for a statement that writes it with its fact."""
    return {
        "event_id": new_id(),
        "type": event.wire_name,
        "key": str(key),
        "payload": event.model_dump(mode="json"),
        "headers": current_headers(),
    }
