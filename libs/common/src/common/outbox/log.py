"""Reading a producer's log by keyset: what consumers fall back on when the stream has a gap."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, func, select, text, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from common.contracts import Envelope
from common.errors import Conflict, Gone, Unavailable
from common.outbox.tables import EpochRow, EventReader, LogRow, StreamHead
from common.place import Place

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
# The relay copies events without looking into them: PostgreSQL renders each as an Envelope's JSON.
_ENTRIES = text("""
    SELECT e.epoch, e.position, to_json(e)::text
      FROM (SELECT epoch, position, event_id AS id, type, key, occurred_at, headers, payload
              FROM event_log WHERE position > :position ORDER BY position LIMIT :limit) e
     ORDER BY e.position
""")
# Whether the database began another life that no relay has given an epoch yet.
REBORN = text("""
    SELECT (server_started_at, filenode) IS DISTINCT FROM
           (pg_postmaster_start_time(), pg_relation_filenode('stream_head')::bigint)
      FROM stream_head
""")


class EventsGone(Gone):
    """The log begins at `first_epoch` and `first_position`, later than at `resume_at`."""

    code = "common.events_gone"
    message = "The log begins at {first_epoch}-{first_position}."
    told = ("resume_at", "first_epoch", "first_position")


class CursorAhead(Conflict):
    code = "common.cursor_ahead"
    message = "The log ends at {head}, before the cursor {cursor}."


class EpochPending(Unavailable):
    code = "common.epoch_pending"
    message = "The database was restarted or restored; the relay has not opened its epoch yet."


@dataclass(frozen=True, slots=True)
class LogPage:
    """Events that follow the asker's place, and the head as it was before they were read.

    `resume_at` is the position the first of them must have: the one after the asker's, or a lower
    one where a newer epoch began there: then the asker saw events that this database lost.
    """

    head: Place
    resume_at: int
    events: list[Envelope]


@dataclass(frozen=True, slots=True)
class Entry:
    """An event as an entry of the stream: its place and its envelope as JSON."""

    place: Place
    data: str


async def read_log(connection: AsyncConnection, *, after: Place, limit: int) -> LogPage:
    """Read at most `limit` events that follow `after`, in order of position.

    Raises:
        EventsGone: What follows is past retention.
        CursorAhead: The asker claims to have more than there ever was.
        EpochPending: The asker has more than there is, because of a restore; ask again.
    """
    rows = (await connection.execute(_page(after, limit))).all()
    head, resume_at = Place(rows[0].head_epoch, rows[0].head_position), rows[0].resume_at
    if after > head:
        if (await connection.execute(REBORN)).scalar_one():
            raise EpochPending
        raise CursorAhead(head=str(head), cursor=str(after))
    events = [_envelope(row) for row in rows if row.position is not None]
    first = events[0] if events else Place(head.epoch, head.position + 1)
    if first.position > resume_at:
        raise EventsGone(
            resume_at=resume_at, first_epoch=first.epoch, first_position=first.position
        )
    return LogPage(head, resume_at, events)


async def read_head(connection: AsyncConnection) -> Place:
    """Return the last place that was given out."""
    query = select(StreamHead.epoch, StreamHead.position)
    return Place(*(await connection.execute(query)).one())


def _page(after: Place, limit: int) -> Select[Any]:
    # One statement, hence one snapshot: an epoch that begins between two would otherwise hide the
    # events before the asker's position. Without events there is one row that has only the start.
    lowest = func.coalesce(func.min(EpochRow.start_position), after.position + 1)
    start = select(func.least(after.position + 1, lowest)).where(EpochRow.epoch > after.epoch)
    begin = select(
        StreamHead.epoch.label("head_epoch"),
        StreamHead.position.label("head_position"),
        start.scalar_subquery().label("resume_at"),
    ).subquery()
    rows = select(*_COLUMNS).where(LogRow.position >= begin.c.resume_at)
    page = rows.order_by(LogRow.position).limit(limit).lateral()
    return select(begin, page).outerjoin_from(begin, page, true()).order_by(page.c.position)


async def read_after(connection: AsyncConnection, *, position: int, limit: int) -> list[Entry]:
    """Read at most `limit` events after `position`, in order, as the stream takes them."""
    rows = await connection.execute(_ENTRIES, {"position": position, "limit": limit})
    return [Entry(Place(epoch, position), data) for epoch, position, data in rows]


async def knows(connection: AsyncConnection, place: Place) -> bool:
    """Tell whether the log holds exactly this event."""
    query = select(LogRow.position).where(
        LogRow.position == place.position, LogRow.epoch == place.epoch
    )
    return (await connection.execute(query)).first() is not None


async def register_reader(connection: AsyncConnection, *, name: str, cursor: Place) -> None:
    """Note that a consumer lives and how far it is: the log is kept for it."""
    row = insert(EventReader).values(name=name, epoch=cursor.epoch, position=cursor.position)
    await connection.execute(
        row.on_conflict_do_update(
            index_elements=[EventReader.name],
            set_={"epoch": cursor.epoch, "position": cursor.position, "seen_at": func.now()},
        )
    )


def _envelope(row: Row[Any]) -> Envelope:
    # The columns are typed by the table: validating each again would cost more than reading it.
    fields = {column.key: getattr(row, column.key) for column in _COLUMNS}
    return Envelope.model_construct(None, **fields)
