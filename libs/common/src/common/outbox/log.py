"""Reading a producer's log by keyset: what consumers fall back on when the stream has a gap."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
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
COLUMNS = "epoch, position, event_id AS id, type, key, occurred_at, headers, payload"
ENTRY = "format('%s-%s', e.epoch, e.position), to_json(e)::text"
_ENTRIES = f"""
    SELECT {ENTRY}
      FROM (SELECT {COLUMNS} FROM event_log WHERE position > $1 ORDER BY position LIMIT $2) e
     ORDER BY e.position
"""  # noqa: S608 — the literals above.
# Whether the database began another life that no relay has given an epoch yet.
REBORN = """
    (server_started_at, filenode) IS DISTINCT FROM
    (pg_postmaster_start_time(), pg_relation_filenode('stream_head')::bigint)
"""
_REBORN = text(f"SELECT {REBORN} FROM stream_head")  # noqa: S608 — the literal above.


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


type Entry = tuple[str, str]
"""An event as an entry of the stream: its id and its envelope as JSON."""
NO_ENTRY: Final = ("", "")


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
        if (await connection.execute(_REBORN)).scalar_one():
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


async def read_after(
    connection: asyncpg.Connection, *, position: int, limit: int
) -> Sequence[Entry]:
    """Read at most `limit` events after `position`, in order, as the stream takes them."""
    entries: Sequence[Entry] = await connection.fetch(_ENTRIES, position, limit)
    return entries


async def knows(connection: asyncpg.Connection, place: Place, entry: Entry) -> bool:
    """Tell whether the log holds an event at exactly this place, and it is this entry, if any."""
    found = await read_after(connection, position=place.position - 1, limit=1)
    return bool(found) and found[0][0] == str(place) and entry in (tuple(found[0]), NO_ENTRY)


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
