"""Parking: a failing event waits with all later events of its key; everything else goes on."""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, delete, select, update
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts import Envelope
from common.errors import Unavailable
from common.streams.tables import ParkedEvent

MAX_PARKED_KEYS: Final = 100
RETRY_SECONDS: Final = (1, 5, 25, 125, 625)
_ERROR_LENGTH: Final = 2000


class TooManyParked(Unavailable):
    """That many failures are a bug in the code, not in the data: the consumer stops here."""

    code = "common.too_many_parked"
    message = "{count} keys of {producer} are parked; the consumer waits for a fix."


class Parking:
    """The parked events of one producer; every method runs in the caller's transaction."""

    def __init__(self, producer: str) -> None:
        self._producer = producer
        self._waiting = (ParkedEvent.producer == producer) & ParkedEvent.skipped_at.is_(None)

    async def keys(self, session: AsyncSession) -> set[str]:
        """Return the keys whose events must wait."""
        query = select(ParkedEvent.key).where(self._waiting).distinct()
        return set((await session.execute(query)).scalars())

    async def park(
        self, session: AsyncSession, event: Envelope, *, error: BaseException | None, now: datetime
    ) -> None:
        """Park an event: for its own error, or behind one of its key.

        Raises:
            TooManyParked: Its key would be one too many.
        """
        if error is not None:
            count = len(await self.keys(session) - {event.key})
            if count >= MAX_PARKED_KEYS:
                raise TooManyParked(count=count, producer=self._producer)
        row = {
            "producer": self._producer,
            "epoch": event.epoch,
            "position": event.position,
            "event_id": event.id,
            "type": event.type,
            "key": event.key,
            "envelope": event.model_dump(mode="json"),
            "attempts": 0 if error is None else 1,
            "next_at": now if error is None else now + timedelta(seconds=RETRY_SECONDS[0]),
            "error": None if error is None else _told(error),
        }
        await session.execute(insert(ParkedEvent).values(row).on_conflict_do_nothing())

    async def due(self, session: AsyncSession, *, now: datetime) -> Row[Any] | None:
        """Lock and return the first head that is due: its envelope and attempts."""
        head = self._heads().subquery()
        query = (
            select(ParkedEvent.envelope, ParkedEvent.attempts)
            .join(
                head,
                (ParkedEvent.epoch == head.c.epoch) & (ParkedEvent.position == head.c.position),
            )
            .where(self._waiting, ParkedEvent.next_at <= now)
            .order_by(ParkedEvent.next_at)
            .limit(1)
            .with_for_update(of=ParkedEvent, skip_locked=True)
        )
        return (await session.execute(query)).one_or_none()

    async def drop(self, session: AsyncSession, event: Envelope) -> None:
        """Forget an event that took effect; the next of its key becomes the head."""
        await session.execute(delete(ParkedEvent).where(self._is(event)))

    async def postpone(
        self,
        session: AsyncSession,
        event: Envelope,
        *,
        error: BaseException,
        attempts: int,
        now: datetime,
    ) -> None:
        """Note a failed attempt; after the last one the event waits for an operator.

        An operator who asked for a retry meanwhile reset the attempts: that stays.
        """
        more = attempts < len(RETRY_SECONDS)
        next_at = now + timedelta(seconds=RETRY_SECONDS[attempts]) if more else None
        await session.execute(
            update(ParkedEvent)
            .where(self._is(event), ParkedEvent.attempts == attempts)
            .values(attempts=attempts + 1, next_at=next_at, error=_told(error))
        )

    def _heads(self) -> Any:
        return (
            select(ParkedEvent.epoch, ParkedEvent.position)
            .where(self._waiting)
            .ext(distinct_on(ParkedEvent.key))
            .order_by(ParkedEvent.key, ParkedEvent.epoch, ParkedEvent.position)
        )

    def _is(self, event: Envelope) -> Any:
        return (
            (ParkedEvent.producer == self._producer)
            & (ParkedEvent.epoch == event.epoch)
            & (ParkedEvent.position == event.position)
        )


def _told(error: BaseException) -> str:
    # repr of a validation error repeats the input, which an operator needs to see.
    return repr(error)[:_ERROR_LENGTH].replace("\x00", "")
