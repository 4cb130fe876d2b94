"""Reading a producer's log by keyset: what consumers fall back on when the stream has a gap."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from common.contracts import Envelope
from common.outbox.tables import EpochRow, LogRow, StreamHead

_COLUMNS = (
    LogRow.epoch,
    LogRow.position,
    LogRow.event_id.label("id"),
    LogRow.type,
    LogRow.key,
    LogRow.occurred_at,
    LogRow.headers,
    LogRow.payload,
)


@dataclass(frozen=True, slots=True)
class LogPage:
    """Events that follow the asker's place, and the head as it was before they were read.

    `resume_at` is the position the first of them must have: the one after the asker's, or a lower
    one where a newer epoch began there: then the asker saw events that this database lost.
    """

    head_epoch: int
    head_position: int
    resume_at: int
    events: list[Envelope]


async def read_log(connection: AsyncConnection, *, epoch: int, after: int, limit: int) -> LogPage:
    """Read at most `limit` events that follow `(epoch, after)`, in order of position."""
    head = (await connection.execute(select(StreamHead.epoch, StreamHead.position))).one()
    # The start is computed inside the statement that reads the rows: an epoch that begins between
    # two statements would otherwise hide the events before the asker's position.
    start = select(
        func.least(after + 1, func.coalesce(func.min(EpochRow.start_position), after + 1))
    ).where(EpochRow.epoch > epoch)
    resume_at = start.scalar_subquery()
    rows = select(*_COLUMNS, resume_at.label("resume_at")).where(LogRow.position >= resume_at)
    result = await connection.execute(rows.order_by(LogRow.position).limit(limit))
    found = [dict(row) for row in result.mappings()]
    first = found[0]["resume_at"] if found else after + 1
    return LogPage(head.epoch, head.position, first, [_envelope(row) for row in found])


async def read_after(connection: AsyncConnection, *, position: int, limit: int) -> list[Envelope]:
    """Read at most `limit` events after `position`, in order."""
    rows = select(*_COLUMNS).where(LogRow.position > position).order_by(LogRow.position)
    result = await connection.execute(rows.limit(limit))
    return [_envelope(dict(row)) for row in result.mappings()]


async def knows(connection: AsyncConnection, *, epoch: int, position: int) -> bool:
    """Tell whether the log holds exactly this event."""
    query = select(LogRow.position).where(LogRow.position == position, LogRow.epoch == epoch)
    return (await connection.execute(query)).first() is not None


def _envelope(row: dict[str, Any]) -> Envelope:
    # The columns are typed by the table: validating each again would cost more than reading it.
    row.pop("resume_at", None)
    return Envelope.model_construct(None, **row)
