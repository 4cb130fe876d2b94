"""What an operator sees of a consumer and may do to it. Everything here is in PostgreSQL.

A worker finds what was done: its cursor is compared with the row before every effect and when it is
idle, what is due is read from the rows, and a wish for a bootstrap is a column.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import exists, func, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from common.errors import Conflict, NotFound
from common.place import Place
from common.streams.tables import LostRange, ParkedEvent, StreamCursor

_ORDER: Final = (ParkedEvent.epoch, ParkedEvent.position)
_PLACE: Final = tuple_(*_ORDER)
# Tables of ours have such columns too, but what they hold is no trace of an event's effect.
CARRIERS: Final = text("""
    SELECT format('SELECT * FROM %I.%I WHERE %I = ', e.table_schema, e.table_name, e.column_name),
           format('%I', p.column_name)
      FROM information_schema.columns e
      JOIN information_schema.columns p ON (p.table_schema, p.table_name, p.column_name)
         = (e.table_schema, e.table_name, left(e.column_name, -5) || 'position')
     WHERE e.table_schema = current_schema() AND e.column_name LIKE '%epoch'
       AND e.table_name NOT IN ('event_log', 'stream_head', 'event_readers', 'stream_cursor',
                                'parked_events')
     ORDER BY e.table_name
""")


class ProducerUnknown(NotFound):
    code = "common.producer_unknown"
    message = "This service has applied no events of {producer}."


class EventNotParked(NotFound):
    code = "common.event_not_parked"
    message = "No event {event_id} of {producer} is parked."


class EventBehind(Conflict):
    code = "common.event_behind"
    message = "The event has not failed: it waits behind {first}, the first of its key."


class RewindAhead(Conflict):
    code = "common.rewind_ahead"
    message = "The cursor is at {cursor}; a rewind leads back, it does not skip events."


@dataclass(frozen=True, slots=True)
class LostCount:
    """How many ranges of one kind there are, and when the last was found."""

    ranges: int
    found_at: datetime


@dataclass(frozen=True, slots=True)
class ConsumerState:
    """How a consumer stands towards one producer; `lost` is by kind, see `LostRange`."""

    producer: str
    cursor: Place
    updated_at: datetime
    bootstrap_requested_at: datetime | None
    parked_events: int
    parked_keys: int
    lost: Mapping[str, LostCount]


@dataclass(frozen=True, slots=True)
class Parked:
    """A parked event; `is_first` of its key is the one that is tried next."""

    event: ParkedEvent
    is_first: bool


@dataclass(frozen=True, slots=True)
class Carrier:
    """A table whose rows say which event wrote them."""

    select: str
    position: str

    def ghosts(self, lost: LostRange) -> str:
        """Return the query of the rows that a lost event wrote last."""
        return f"{self.select}{lost.epoch} AND {self.position} >= {lost.first_position}"


async def list_consumers(session: AsyncSession) -> list[ConsumerState]:
    """Return the state of every producer's consumer, by name of the producer."""
    waiting = _waiting(ParkedEvent, StreamCursor.producer)
    cursors = select(
        StreamCursor.producer,
        StreamCursor.epoch,
        StreamCursor.position,
        StreamCursor.updated_at,
        StreamCursor.bootstrap_requested_at,
        select(func.count()).select_from(ParkedEvent).where(waiting).scalar_subquery(),
        select(func.count(ParkedEvent.key.distinct())).where(waiting).scalar_subquery(),
    )
    lost = await _count_lost(session)
    rows = await session.execute(cursors.order_by(StreamCursor.producer))
    return [
        ConsumerState(
            producer, Place(epoch, position), updated_at, wish, events, keys, lost[producer]
        )
        for producer, epoch, position, updated_at, wish, events, keys in rows
    ]


async def read_cursor(session: AsyncSession, producer: str) -> Place:
    """Return the cursor in a producer's log.

    Raises:
        ProducerUnknown: There is none.
    """
    query = select(StreamCursor.epoch, StreamCursor.position)
    row = (await session.execute(query.where(StreamCursor.producer == producer))).one_or_none()
    if row is None:
        raise ProducerUnknown(producer=producer)
    return Place(*row)


async def list_parked(
    session: AsyncSession,
    *,
    producer: str,
    key: str | None,
    skipped: bool,
    after: Sequence[Any] | None,
    limit: int,
) -> list[Parked]:
    """Return waiting events, or skipped ones, in order of place."""
    query = select(ParkedEvent, _is_first()).where(
        ParkedEvent.producer == producer, ParkedEvent.skipped_at.is_not(None) == skipped
    )
    if key is not None:
        query = query.where(ParkedEvent.key == key)
    if after is not None:
        query = query.where(tuple_(*after) < _PLACE)
    rows = await session.execute(query.order_by(*_ORDER).limit(limit))
    return [Parked(event, is_first) for event, is_first in rows]


async def read_parked(session: AsyncSession, *, producer: str, event_id: UUID) -> Parked:
    """Return one waiting or skipped event.

    Raises:
        EventNotParked: There is none.
    """
    query = (
        select(ParkedEvent, _is_first())
        .where(ParkedEvent.producer == producer, ParkedEvent.event_id == event_id)
        .order_by(ParkedEvent.skipped_at.is_not(None), *_ORDER)
    )
    row = (await session.execute(query.limit(1))).one_or_none()
    if row is None:
        raise EventNotParked(event_id=event_id, producer=producer)
    return Parked(*row)


async def retry_parked(
    session: AsyncSession, *, producer: str, event_id: UUID | None, key: str | None, now: datetime
) -> int:
    """Make the first event of each key due, with all its attempts; return how many.

    Args:
        session: The caller's transaction.
        producer: Whose events.
        event_id: Only this one.
        key: Only the first of this key.
        now: The present time.

    Raises:
        EventNotParked: The event is not parked (any more).
        EventBehind: The event is not the first of its key.
    """
    chosen = update(ParkedEvent).where(_waiting(ParkedEvent, producer), _is_first())
    if event_id is not None:
        place = await _lock_first(session, producer, event_id)
        chosen = chosen.where(tuple_(*place) == _PLACE)
    if key is not None:
        chosen = chosen.where(ParkedEvent.key == key)
    due = chosen.values(attempts=0, next_at=now).returning(ParkedEvent.event_id)
    return len((await session.execute(due)).all())


async def skip_parked(
    session: AsyncSession, *, producer: str, event_id: UUID, reason: str, now: datetime
) -> UUID | None:
    """Let an event go without its effect; return the next of its key, which is due by then.

    Only the first of a key can be let go: those behind it have not failed.

    Raises:
        EventNotParked: The event is not parked (any more).
        EventBehind: The event is not the first of its key.
    """
    place = await _lock_first(session, producer, event_id)
    this = (ParkedEvent.producer == producer) & (tuple_(*place) == _PLACE)
    skipped = update(ParkedEvent).where(this).values(skipped_at=now, skip_reason=reason)
    key = (await session.execute(skipped.returning(ParkedEvent.key))).scalar_one()
    first = select(ParkedEvent.event_id).where(
        _waiting(ParkedEvent, producer), ParkedEvent.key == key
    )
    return (await session.execute(first.order_by(*_ORDER).limit(1))).scalar_one_or_none()


async def list_lost(session: AsyncSession, producer: str) -> list[LostRange]:
    """Return the lost ranges of a producer, the latest first."""
    query = select(LostRange).where(LostRange.producer == producer)
    return list((await session.scalars(query.order_by(LostRange.found_at.desc()))).all())


async def list_carriers(session: AsyncSession) -> list[Carrier]:
    """Return the tables of this service whose rows say which event wrote them."""
    return [Carrier(*row) for row in await session.execute(CARRIERS)]


async def rewind_cursor(
    session: AsyncSession, *, producer: str, position: int
) -> tuple[Place, Place]:
    """Move a cursor back, keeping its epoch; return where it was and where it is.

    The epoch stays although older events follow: the log tells each event's own, and an epoch that
    the consumer has not seen yet stays newer than its cursor.

    Raises:
        ProducerUnknown: There is no cursor.
        RewindAhead: The position is beyond the cursor.
    """
    query = select(StreamCursor).where(StreamCursor.producer == producer).with_for_update()
    row = (await session.scalars(query)).one_or_none()
    if row is None:
        raise ProducerUnknown(producer=producer)
    before = Place(row.epoch, row.position)
    if position > before.position:
        raise RewindAhead(cursor=str(before))
    row.position = position
    return before, Place(row.epoch, position)


async def request_bootstrap(session: AsyncSession, *, producer: str, now: datetime) -> None:
    """Ask the worker to rebuild the copies of a producer's state.

    Raises:
        ProducerUnknown: There is no cursor.
    """
    wish = update(StreamCursor).where(StreamCursor.producer == producer)
    noted = wish.values(bootstrap_requested_at=now, updated_at=StreamCursor.updated_at)
    if not (await session.execute(noted.returning(StreamCursor.producer))).all():
        raise ProducerUnknown(producer=producer)


async def bootstrap_requested_at(session: AsyncSession, producer: str) -> datetime | None:
    """Return when a bootstrap was asked for, None when none is."""
    query = select(StreamCursor.bootstrap_requested_at).where(StreamCursor.producer == producer)
    return (await session.execute(query)).scalar_one_or_none()


async def note_bootstrap(session: AsyncSession, producer: str, requested_at: datetime) -> None:
    """Note that a wish was granted; a later one stays."""
    granted = update(StreamCursor).where(
        StreamCursor.producer == producer, StreamCursor.bootstrap_requested_at == requested_at
    )
    await session.execute(
        granted.values(bootstrap_requested_at=None, updated_at=StreamCursor.updated_at)
    )


def _waiting(row: Any, producer: Any) -> Any:
    return (row.producer == producer) & row.skipped_at.is_(None)


def _is_first() -> Any:
    """Tell whether no event of its key waits before this one."""
    before = aliased(ParkedEvent)
    earlier = tuple_(before.epoch, before.position) < _PLACE
    waits = _waiting(before, ParkedEvent.producer) & (before.key == ParkedEvent.key)
    return ParkedEvent.skipped_at.is_(None) & ~exists().where(waits, earlier)


async def _lock_first(session: AsyncSession, producer: str, event_id: UUID) -> tuple[int, int]:
    """Lock a waiting event, the first of its key, and return its place."""
    waits = _waiting(ParkedEvent, producer)
    query = select(ParkedEvent.epoch, ParkedEvent.position, ParkedEvent.key)
    chosen = query.where(waits, ParkedEvent.event_id == event_id).order_by(*_ORDER).limit(1)
    found = (await session.execute(chosen.with_for_update())).one_or_none()
    if found is None:
        raise EventNotParked(event_id=event_id, producer=producer)
    epoch, position, key = found
    of_key = select(ParkedEvent.event_id).where(waits, ParkedEvent.key == key).order_by(*_ORDER)
    first = (await session.execute(of_key.limit(1))).scalar_one()
    if first != event_id:
        raise EventBehind(first=first)
    return epoch, position


async def _count_lost(session: AsyncSession) -> defaultdict[str, dict[str, LostCount]]:
    counts = select(
        LostRange.producer, LostRange.kind, func.count(), func.max(LostRange.found_at)
    ).group_by(LostRange.producer, LostRange.kind)
    lost: defaultdict[str, dict[str, LostCount]] = defaultdict(dict)
    for producer, kind, ranges, found_at in await session.execute(counts):
        lost[producer][kind] = LostCount(ranges, found_at)
    return lost
