"""What an operator sees of a producer: its head, what has no position yet, and who reads along."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from common.outbox.log import read_log
from common.place import Place

SHOWN_EPOCHS: Final = 100

_FIGURES = text("""
    SELECT h.epoch, h.position,
           (SELECT min(position) FROM event_log) AS first_position,
           waiting.depth, waiting.oldest_at
      FROM stream_head h,
           (SELECT count(*) AS depth, min(occurred_at) AS oldest_at FROM outbox) AS waiting
""")
_EPOCHS = text("""
    SELECT epoch, start_position, started_at FROM epochs ORDER BY epoch DESC LIMIT :limit
""")
_READERS = text("SELECT name, epoch, position, seen_at FROM event_readers ORDER BY name")


@dataclass(frozen=True, slots=True)
class StreamFigures:
    """A producer's log and outbox: `first_position` is None for an empty log."""

    head: Place
    first_position: int | None
    outbox_depth: int
    outbox_oldest_at: datetime | None


@dataclass(frozen=True, slots=True)
class Epoch:
    """One life of the database and the first position it gave out."""

    epoch: int
    start_position: int
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Reader:
    """A consumer as it last registered, which it does when it asks for the log by HTTP."""

    name: str
    cursor: Place
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Distance:
    """What lies between a cursor and the head; `oldest_at` is None when that is nothing."""

    head: Place
    resume_at: int
    oldest_at: datetime | None

    @property
    def events(self) -> int:
        return self.head.position - self.resume_at + 1


async def stream_figures(connection: AsyncConnection) -> StreamFigures:
    """Return the figures of this service as a producer."""
    row = (await connection.execute(_FIGURES)).one()
    return StreamFigures(
        Place(row.epoch, row.position), row.first_position, row.depth, row.oldest_at
    )


async def list_epochs(connection: AsyncConnection) -> Sequence[Epoch]:
    """Return the newest epochs, the newest first."""
    return [Epoch(*row) for row in await connection.execute(_EPOCHS, {"limit": SHOWN_EPOCHS})]


async def list_readers(connection: AsyncConnection) -> Sequence[Reader]:
    """Return the consumers that registered, by name."""
    rows = await connection.execute(_READERS)
    return [Reader(name, Place(epoch, position), seen) for name, epoch, position, seen in rows]


async def measure_distance(connection: AsyncConnection, after: Place) -> Distance:
    """Return what a consumer with this cursor has before it, without registering it.

    Raises:
        EventsGone: The next event is past retention.
        CursorAhead: The cursor is beyond the head.
        EpochPending: It is, because of a restore; ask again.
    """
    page = await read_log(connection, after=after, limit=1)
    return Distance(page.head, page.resume_at, page.events[0].occurred_at if page.events else None)
