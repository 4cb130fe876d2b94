"""Applying events: each batch takes effect in the transaction that moves the cursor.

What fails for good is parked with its key, so that it delays nothing but itself.
"""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from common import trace
from common.clock import utc_now
from common.contracts import Envelope, Event
from common.contracts.names import parse_wire_name
from common.errors import Invalid
from common.place import Place, stream_key
from common.streams.failures import is_transient
from common.streams.parking import Parking
from common.streams.tables import LostRange, StreamCursor

log = structlog.get_logger()
applied_total = Counter("colonnade_events_applied_total", "Events applied.", ["producer"])
skipped_total = Counter(
    "colonnade_events_skipped_total", "Events of types without a handler.", ["producer", "type"]
)
parked_total = Counter("colonnade_events_parked_total", "Events that failed.", ["producer"])
cursor_position = Gauge("colonnade_consumer_position", "Cursor in the log.", ["producer"])
newest_seconds = Gauge(
    "colonnade_consumer_newest_seconds", "Age of an event when it was applied.", ["producer"]
)

CURSOR = text("SELECT epoch, position FROM stream_cursor WHERE producer = :producer")
# The cursor is locked, compared and moved at once, before the effects: they commit together.
MOVE = text("""
    WITH held AS (
        SELECT producer FROM stream_cursor
         WHERE producer = :producer AND epoch = :epoch AND position = :position
           FOR UPDATE SKIP LOCKED)
    UPDATE stream_cursor c
       SET epoch = :moved_epoch, position = :moved_position, updated_at = now()
      FROM held
     WHERE c.producer = held.producer
    RETURNING ARRAY(
        SELECT DISTINCT key FROM parked_events p
         WHERE p.producer = c.producer AND skipped_at IS NULL)
""")


class EventVersionUnknown(Invalid):
    code = "common.event_version_unknown"
    message = "This consumer does not know {type} yet, only another version of it."


class HasSession(Protocol):
    """A unit of work: whatever it is, it runs in this session."""

    @property
    def session(self) -> AsyncSession: ...


@dataclass(frozen=True, slots=True)
class Received[E: Event]:
    """An event as a handler gets it; `place` orders all that one producer ever said."""

    id: UUID
    place: Place
    occurred_at: datetime
    data: E


@dataclass(frozen=True, slots=True)
class Lost:
    """Positions without their usual effect, see `LostRange`."""

    kind: Literal["ghosts", "skipped"]
    epoch: int
    first: int
    last: int


type Handler[T] = Callable[[T, Received[Any]], Awaitable[None]]
type Handlers[T] = Mapping[type[Event], Handler[T]]


class Effects[T: HasSession]:
    """The effects of one producer's events in this service's database."""

    def __init__(
        self,
        producer: str,
        handlers: Handlers[T],
        transaction: Callable[[], AbstractAsyncContextManager[T]],
    ) -> None:
        self._producer = producer
        self._handlers = {event.wire_name: (event, handle) for event, handle in handlers.items()}
        self._transaction = transaction
        self._parking = Parking(producer)

    async def cursor(self) -> Place:
        """Return the place of the last event that was applied or parked."""
        async with self._transaction() as tx:
            row = (await tx.session.execute(CURSOR, {"producer": self._producer})).one_or_none()
            if row is None:
                new = insert(StreamCursor).values(producer=self._producer)
                await tx.session.execute(new.on_conflict_do_nothing())
                return Place(0, 0)
            return Place(*row)

    async def apply(
        self, cursor: Place, events: Sequence[Envelope], lost: Lost | None = None
    ) -> Place | None:
        """Apply the events that follow `cursor`, in order, and move it.

        Returns:
            The new cursor, or None when another replica holds it or has moved it.

        Raises:
            Unavailable, OSError: Something does not answer; nothing of the failing batch is done.
            TooManyParked: One more failing key would be too many.
        """
        try:
            return await self._apply_together(cursor, events, lost)
        except Exception as error:
            if is_transient(error):
                raise
            failure = error
        if len(events) == 1:
            return await self._park(cursor, events[0], failure, lost)
        # Once more, half by half, until it is known which of them fails.
        middle = len(events) // 2
        moved = await self.apply(cursor, events[:middle], lost)
        return moved and await self.apply(moved, events[middle:])

    async def skip(self, cursor: Place, resumed: Place, *lost: Lost | None) -> None:
        """Move the cursor over events that are gone, and record what was lost."""
        async with self._transaction() as tx:
            await self._move_cursor(tx.session, cursor, resumed, *lost)

    async def retry(self) -> bool:
        """Try the parked event that is due first; tell whether there was one."""
        now, event, attempts = utc_now(), None, 0
        try:
            async with trace.Attempt() as attempt, self._transaction() as tx:
                row = await self._parking.due(tx.session, now=now)
                if row is None:
                    return False
                event, attempts = Envelope.model_validate(row.envelope), row.attempts
                await self._handle(tx, event, attempt)
                await self._parking.drop(tx.session, event)
        except Exception as error:
            if event is None or is_transient(error):
                raise
            async with self._transaction() as tx:
                await self._parking.postpone(
                    tx.session, event, error=error, attempts=attempts, now=utc_now()
                )
            log.warning(
                "parked_event_failed_again", producer=self._producer, event_id=str(event.id)
            )
        return True

    async def _apply_together(
        self, cursor: Place, events: Sequence[Envelope], lost: Lost | None
    ) -> Place | None:
        last = _place(events[-1])
        async with trace.Attempt() as attempt, self._transaction() as tx:
            parked = await self._move_cursor(tx.session, cursor, last, lost)
            if parked is None:
                return None
            for event in events:
                if event.key in parked:
                    await self._parking.park(tx.session, event, error=None, now=utc_now())
                else:
                    await self._handle(tx, event, attempt)
        applied_total.labels(self._producer).inc(len(events))
        cursor_position.labels(self._producer).set(last.position)
        newest_seconds.labels(self._producer).set(time.time() - events[-1].occurred_at.timestamp())
        return last

    async def _park(
        self, cursor: Place, event: Envelope, failure: Exception, lost: Lost | None
    ) -> Place | None:
        place = _place(event)
        async with self._transaction() as tx:
            if await self._move_cursor(tx.session, cursor, place, lost) is None:
                return None
            await self._parking.park(tx.session, event, error=failure, now=utc_now())
        parked_total.labels(self._producer).inc()
        log.error(
            "event_parked",
            producer=self._producer,
            place=str(place),
            type=event.type,
            key=event.key,
            exc_info=failure,
        )
        return place

    async def _handle(self, tx: T, event: Envelope, attempt: trace.Attempt) -> None:
        if event.type not in self._handlers:
            self._pass_over(event)
            return
        contract, handle = self._handlers[event.type]
        kind = trace.SpanKind.CONSUMER
        with trace.span(f"process {event.type}", kind, event.headers, attempt=attempt) as span:
            if span.is_recording():
                span.set_attributes(_attributes(self._producer, event))
            data = contract.model_validate(event.payload)
            await handle(tx, Received(event.id, _place(event), event.occurred_at, data))
        # Not flushed: what handlers add to the session is written together, which is far cheaper.
        # Where that fails, the batch is repeated in parts, until it is known whose it was.

    def _pass_over(self, event: Envelope) -> None:
        """Count a type that means nothing here; refuse a version that is not known yet."""
        if _kind(event.type) in {_kind(known) for known in self._handlers}:
            raise EventVersionUnknown(type=event.type)
        skipped_total.labels(self._producer, event.type).inc()

    async def _move_cursor(
        self, session: AsyncSession, cursor: Place, moved: Place, *lost: Lost | None
    ) -> set[str] | None:
        """Lock the cursor and move it; return the keys whose events must wait.

        None when another replica works on what follows `cursor`, or has done so.
        """
        values = {
            "producer": self._producer,
            "epoch": cursor.epoch,
            "position": cursor.position,
            "moved_epoch": moved.epoch,
            "moved_position": moved.position,
        }
        keys: list[str] | None = (await session.execute(MOVE, values)).scalar_one_or_none()
        if keys is None:
            return None
        for each in lost:
            if each is not None:
                await session.merge(
                    LostRange(
                        producer=self._producer,
                        epoch=each.epoch,
                        first_position=each.first,
                        last_position=each.last,
                        kind=each.kind,
                    )
                )
        return set(keys)


def _place(event: Envelope) -> Place:
    return Place(event.epoch, event.position)


def _attributes(producer: str, event: Envelope) -> dict[str, str]:
    return {
        "messaging.system": "colonnade",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": stream_key(producer),
        "messaging.message.id": str(event.id),
        "colonnade.event.type": event.type,
        "colonnade.event.key": event.key,
        "colonnade.event.place": str(_place(event)),
    }


def _kind(wire_name: str) -> tuple[str, str] | None:
    """Return producer and fact of a wire name; None for what no contract can be called."""
    try:
        return parse_wire_name(wire_name)[:2]
    except ValueError:
        return None
