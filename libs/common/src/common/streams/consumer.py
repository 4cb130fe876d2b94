"""The consumer of one producer's events: in order, each taking effect exactly once.

Delivery is at least once; the effect is once because the cursor moves in its transaction. Redis is
only the fast path: whatever it lacks is read from the producer's log by HTTP.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

import structlog
from prometheus_client import Counter, Gauge
from redis.exceptions import RedisError
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from common import trace
from common.contracts import Envelope, Event
from common.errors import AppError, Unavailable
from common.place import Place
from common.streams.sources import Source, Stream
from common.streams.tables import StreamCursor
from common.supervision import beat

BLOCK_SECONDS: Final = 5.0
RECHECK_SECONDS: Final = 2
BUSY_SECONDS: Final = 0.5
BACKOFF_SECONDS: Final = (0.1, 30.0)

log = structlog.get_logger()
applied_total = Counter("colonnade_events_applied_total", "Events applied.", ["producer"])
skipped_total = Counter(
    "colonnade_events_skipped_total", "Events of types without a handler.", ["producer"]
)
ghosts_total = Counter(
    "colonnade_events_ghost_total", "Applied events that their producer lost.", ["producer"]
)
cursor_position = Gauge("colonnade_consumer_position", "Cursor in the log.", ["producer"])


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


type Handler[T] = Callable[[T, Received[Any]], Awaitable[None]]
type Handlers[T] = Mapping[type[Event], Handler[T]]


class Consumer[T: HasSession]:
    """Applies one producer's events. Any number may run; a row lock lets one work at a time."""

    def __init__(
        self,
        producer: str,
        handlers: Handlers[T],
        transaction: Callable[[], AbstractAsyncContextManager[T]],
        stream: Stream,
        source: Source,
    ) -> None:
        self._producer = producer
        self._handlers = {event.wire_name: (event, handle) for event, handle in handlers.items()}
        self._transaction = transaction
        self._stream = stream
        self._log = source
        self._cursor: Place | None = None
        self._stream_lags = False

    async def run(self) -> None:
        """Consume until cancelled. A failure rolls back, is logged and tried again."""
        pause = BACKOFF_SECONDS[0]
        while True:
            beat()
            try:
                await self.step()
                pause = BACKOFF_SECONDS[0]
            except Unavailable as error:
                log.warning("consumer_unavailable", producer=self._producer, error=str(error))
            except Exception as error:  # noqa: BLE001 — whatever a handler raises, the cursor waits.
                level = log.warning if isinstance(error, AppError) else log.exception
                level("event_failed", producer=self._producer, error=repr(error))
            else:
                continue
            await asyncio.sleep(pause)
            pause = min(pause * 2, BACKOFF_SECONDS[1])

    async def step(self, block_seconds: float = BLOCK_SECONDS) -> int:
        """Fetch one batch and apply it; return how many events took effect.

        Raises:
            Unavailable: PostgreSQL, or Redis and the producer both, do not answer.
        """
        cursor, self._cursor = self._cursor or await self._read_cursor(), None
        events = await self._from_stream(cursor, block_seconds)
        self._stream_lags = not events
        if not events:
            wait_seconds = RECHECK_SECONDS if events is None else 0
            events = await self._from_log(cursor, wait_seconds)
        if events:
            return await self._apply(cursor, events)
        self._cursor, self._stream_lags = cursor, False
        return 0

    async def _from_stream(self, cursor: Place, block_seconds: float) -> list[Envelope] | None:
        """Read the run of events that follows the cursor; None while the stream is no use."""
        try:
            # A stream that was wiped or rewound answers with silence: after a batch that only the
            # log had, look at its top before waiting for it.
            if self._stream_lags and await self._stream.top() < cursor:
                return None
            found = await self._stream.read(cursor, block_seconds=block_seconds)
        except (RedisError, OSError) as error:
            log.warning("stream_unavailable", producer=self._producer, error=repr(error))
            return None
        return _following(cursor, found) or ([] if not found else None)

    async def _from_log(self, cursor: Place, wait_seconds: int) -> list[Envelope]:
        replay = await self._log.read(cursor, wait_seconds=wait_seconds)
        if replay.events and replay.resume_at <= cursor.position:
            ghosts_total.labels(self._producer).inc(cursor.position - replay.resume_at + 1)
            log.error(
                "producer_lost_events",
                producer=self._producer,
                epoch=cursor.epoch,
                first=replay.resume_at,
                last=cursor.position,
            )
        return replay.events

    async def _apply(self, cursor: Place, events: Sequence[Envelope]) -> int:
        last = Place(events[-1].epoch, events[-1].position)
        async with self._transaction() as tx:
            locked = await self._lock_cursor(tx.session)
            if locked == cursor:
                for event in events:
                    await self._handle(tx, event)
                await self._move_cursor(tx.session, last)
        if locked != cursor:
            # Another replica works on this batch or has done it: start from where it left.
            await asyncio.sleep(BUSY_SECONDS if locked is None else 0)
            return 0
        self._cursor = last
        applied_total.labels(self._producer).inc(len(events))
        cursor_position.labels(self._producer).set(last.position)
        return len(events)

    async def _handle(self, tx: T, event: Envelope) -> None:
        if event.type not in self._handlers:
            skipped_total.labels(self._producer).inc()
            return
        contract, handle = self._handlers[event.type]
        data = contract.model_validate(event.payload)
        place = Place(event.epoch, event.position)
        with trace.bind(event.headers):
            await handle(tx, Received(event.id, place, event.occurred_at, data))

    async def _read_cursor(self) -> Place:
        async with self._transaction() as tx:
            row = (await tx.session.execute(self._select_cursor())).one_or_none()
            if row is None:
                new = insert(StreamCursor).values(producer=self._producer)
                await tx.session.execute(new.on_conflict_do_nothing())
                return Place(0, 0)
            return Place(*row)

    async def _move_cursor(self, session: AsyncSession, last: Place) -> None:
        await session.flush()
        await session.execute(
            update(StreamCursor)
            .where(StreamCursor.producer == self._producer)
            .values(epoch=last.epoch, position=last.position)
        )

    async def _lock_cursor(self, session: AsyncSession) -> Place | None:
        locked = self._select_cursor().with_for_update(skip_locked=True)
        row = (await session.execute(locked)).one_or_none()
        return Place(*row) if row else None

    def _select_cursor(self) -> Any:
        return select(StreamCursor.epoch, StreamCursor.position).where(
            StreamCursor.producer == self._producer
        )


def _following(cursor: Place, events: Sequence[Envelope]) -> list[Envelope]:
    """Return the leading events that follow the cursor without a gap, within its epoch.

    A newer epoch is left to the log: only the producer knows at which position it began.
    """
    run: list[Envelope] = []
    for event in events:
        if (event.epoch, event.position) != (cursor.epoch, cursor.position + len(run) + 1):
            break
        run.append(event)
    return run
