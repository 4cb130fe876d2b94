"""The relay: numbers committed outbox rows and publishes them on the service's stream.

Any number of relays may run. Assigning happens under a row lock; publishing is a compare-and-append
on the stream's top, so a relay that lags, repeats or races appends nothing twice and skips nothing.
"""

import asyncio
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

import asyncpg
import structlog
from prometheus_client import Counter, Gauge
from redis.asyncio import Redis
from redis.exceptions import RedisError

from common.clock import utc_now
from common.db import Database
from common.errors import Unavailable
from common.outbox.log import COLUMNS, ENTRY, REBORN, Entry, knows, read_after
from common.place import EMPTY, Place, stream_key
from common.supervision import beat

ASSIGN_BATCH: Final = 500
REBUILD_TAIL: Final = 10_000
STREAM_MAXLEN: Final = 100_000
BUSY_POLL_SECONDS: Final = 0.003
IDLE_POLL_SECONDS: Final = 0.05
# From busy to idle in a second: who writes now and then should not wait for a slow poll.
SLOWING: Final = 1.05
COMPARE_SECONDS: Final = 1.0

log = structlog.get_logger()
assigned_total = Counter("colonnade_events_assigned_total", "Events given a position.")
published_total = Counter("colonnade_events_published_total", "Events appended to the stream.")
rebuilt_total = Counter("colonnade_stream_rebuilt_total", "Times the stream was made anew.")
assigned_at = Gauge(
    "colonnade_relay_assigned_timestamp_seconds", "When PostgreSQL last answered.", ["producer"]
)
published_at = Gauge(
    "colonnade_relay_published_timestamp_seconds", "When the stream last answered.", ["producer"]
)

# A restored database opens its epoch at once, not at the next event.
WORK = f"SELECT EXISTS (SELECT FROM outbox) OR {REBORN} FROM stream_head"  # noqa: S608 — a literal.
# What has a position may be on its way to others, so its commit must survive a crash: the setting
# is made in the same round trip.
LOCK_HEAD = f"""
    SELECT set_config('synchronous_commit', 'on', true), {REBORN} AS reborn
      FROM stream_head FOR UPDATE SKIP LOCKED
"""  # noqa: S608 — a literal.
# An epoch is named after the time when it opens: a counter would be restored with all the rest, and
# a second restore would give out the same epochs, hence the same places, to other events.
OPEN_EPOCH = """
    WITH head AS (
        UPDATE stream_head
           SET epoch = greatest(epoch + 1, $1::bigint),
               server_started_at = pg_postmaster_start_time(),
               filenode = pg_relation_filenode('stream_head')::bigint
        RETURNING epoch, position),
    opened AS (
        INSERT INTO epochs (epoch, start_position) SELECT epoch, position + 1 FROM head)
    SELECT epoch, position + 1 AS start_position FROM head
"""
# ANY (ARRAY(…)), not IN (…): an outbox that was empty when it was last analysed makes the planner
# join the two by brute force, and 500 rows of 6000 then take longer than statement_timeout.
MOVE = f"""
    WITH moved AS (
        DELETE FROM outbox
         WHERE id = ANY (ARRAY(SELECT id FROM outbox ORDER BY id LIMIT $1)) RETURNING *),
    logged AS (
        INSERT INTO event_log
               (position, epoch, event_id, type, key, payload, headers, occurred_at)
        SELECT h.position + row_number() OVER (ORDER BY m.id), h.epoch,
               m.event_id, m.type, m.key, m.payload, m.headers, m.occurred_at
          FROM moved m, stream_head h
        RETURNING {COLUMNS}),
    counted AS (
        UPDATE stream_head SET position = position + (SELECT count(*) FROM logged))
    SELECT {ENTRY} FROM logged e ORDER BY e.position
"""  # noqa: S608 — literals.

# KEYS[1] the stream; ARGV: expected top, MAXLEN, "append" or "rebuild", then id and data in turns.
# Everything that can fail is checked before the first write: an error midway would leave half.
APPEND = """
local kind = redis.call('TYPE', KEYS[1]).ok
local top = '0-0'
if kind == 'stream' then
  local info = redis.call('XINFO', 'STREAM', KEYS[1])
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then top = info[i + 1] end
  end
elseif kind ~= 'none' then
  top = 'foreign'
end
if top ~= ARGV[1] then
  local last = kind == 'stream' and redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
  return {top, last and last[1] or '', last and last[2][2] or ''}
end
if ARGV[3] == 'rebuild' then redis.call('DEL', KEYS[1]) end
for i = 4, #ARGV, 2 do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], ARGV[i], 'event', ARGV[i + 1])
end
return {top, '', ''}
"""


class Relay:
    """One service's relay. `assign` and `publish` are single steps; `run` repeats both for ever."""

    def __init__(self, service: str, database: Database, streams: Redis) -> None:
        self._database = database
        self._key = stream_key(service)
        self._assigned_at = assigned_at.labels(service)
        self._published_at = published_at.labels(service)
        self._append = streams.register_script(APPEND)
        self._top: Place | None = None
        self._fresh: Sequence[Entry] = ()
        self._assigned = asyncio.Event()

    async def run(self) -> None:
        """Assign and publish until cancelled; an outage of one does not stop the other."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._run_assigning())
            group.create_task(self._run_publishing())

    async def assign(self) -> Sequence[Entry]:
        """Move one batch from the outbox to the log; return the events with their positions.

        Raises:
            Unavailable: PostgreSQL does not answer; nothing moved.
        """
        async with self._database.driver() as connection:
            return await self._assign(connection)

    async def _assign(self, connection: asyncpg.Connection) -> Sequence[Entry]:
        async with connection.transaction():
            head = await connection.fetchrow(LOCK_HEAD)
            if head is None:
                return ()
            if head["reborn"]:
                now = int(utc_now().timestamp() * 1000)
                opened = await connection.fetchrow(OPEN_EPOCH, now)
                log.info("epoch_opened", **opened)
            moved: Sequence[Entry] = await connection.fetch(MOVE, ASSIGN_BATCH)
        assigned_total.inc(len(moved))
        return moved

    async def publish(self, fresh: Sequence[Entry] = ()) -> int:
        """Append to the stream what the log has after the stream's top; return how many.

        Args:
            fresh: What was assigned a moment ago: if it comes next, it need not be read again.

        Raises:
            Unavailable: PostgreSQL does not answer.
            RedisError: Redis does not answer; the next call finds out what it has.
        """
        top = self._top = self._top or await self._find_top()
        events = fresh if _follow(fresh, top) else await self._read_after(top)
        if events is None or not await self._append_after(top, events):
            self._top = None
            return 0
        if events:
            self._top = _last(events)
            published_total.inc(len(events))
        return len(events)

    async def _read_after(self, top: Place) -> Sequence[Entry] | None:
        """Read what follows `top`; None when the log no longer knows `top` (it was restored)."""
        async with self._database.driver() as connection:
            if top == EMPTY:
                return await read_after(connection, position=0, limit=ASSIGN_BATCH)
            events = await read_after(connection, position=top.position - 1, limit=ASSIGN_BATCH + 1)
        known = bool(events) and events[0][0] == str(top)
        return events[1:] if known else None

    async def _append_after(
        self, top: Place | str, events: Sequence[Entry], *, mode: str = "append"
    ) -> bool:
        """Append the events if the stream's top is still `top`; tell whether it was."""
        arguments = [str(top), str(STREAM_MAXLEN), mode, *chain.from_iterable(events)]
        actual, _ = await self._call(arguments)
        return actual == str(top)

    async def _call(self, arguments: list[str]) -> tuple[str, Entry]:
        """Run the script; return the stream's top, and its last entry where that is another."""
        answer: Any = await self._append(keys=[self._key], args=arguments)
        # What somebody else wrote need not be text.
        top, last_id, data = (each.decode(errors="replace") for each in answer)
        return top, (last_id, data)

    async def _find_top(self) -> Place:
        """Ask the stream for its top; where the log does not know it, rebuild the stream.

        An entry that somebody else put where an event belongs has an id that the log knows, but
        other data. A stream that was trimmed to nothing has a top and no entry.
        """
        actual, last = await self._call(["?", str(STREAM_MAXLEN), "append"])
        place = Place.parse(actual)
        async with self._database.driver() as connection:
            if place and await knows(connection, place, last):
                return place
            position: int = await connection.fetchval("SELECT position FROM stream_head")
            tail = await read_after(
                connection, position=position - REBUILD_TAIL, limit=ASSIGN_BATCH
            )
        if not tail and place == EMPTY:
            return EMPTY
        if await self._append_after(actual, tail, mode="rebuild"):
            rebuilt_total.inc()
            log.warning("stream_rebuilt", found=actual, log_position=position)
        return _last(tail) or EMPTY

    async def _run_assigning(self) -> None:
        while True:
            try:
                async with self._database.driver() as connection:
                    await self._keep_assigning(connection)
            except Unavailable as error:
                log.warning("relay_assign_unavailable", error=str(error.__cause__))
                await asyncio.sleep(COMPARE_SECONDS)

    async def _keep_assigning(self, connection: asyncpg.Connection) -> None:
        pause = BUSY_POLL_SECONDS
        while True:
            beat()
            moved = await connection.fetchval(WORK) and await self._assign(connection)
            self._assigned_at.set_to_current_time()
            if moved:
                self._fresh = moved
                self._assigned.set()
            pause = BUSY_POLL_SECONDS if moved else min(pause * SLOWING, IDLE_POLL_SECONDS)
            await asyncio.sleep(pause)

    async def _run_publishing(self) -> None:
        while True:
            beat()
            try:
                self._assigned.clear()
                fresh, self._fresh = self._fresh, ()
                published = await self.publish(fresh)
                self._published_at.set_to_current_time()
                if self._top is None:
                    await asyncio.sleep(BUSY_POLL_SECONDS)
                elif published < ASSIGN_BATCH:
                    await asyncio.wait_for(self._assigned.wait(), COMPARE_SECONDS)
            except TimeoutError:
                continue
            except (RedisError, OSError, Unavailable) as error:
                log.warning("relay_publish_unavailable", error=repr(error))
                self._top = None
                await asyncio.sleep(COMPARE_SECONDS)


def _follow(events: Sequence[Entry], top: Place) -> bool:
    """Tell whether these come right after `top`, and from a database that knew it.

    It did where the epoch is the same: one that had lost `top` in a restore would open another.
    """
    return bool(events) and events[0][0] == str(Place(top.epoch, top.position + 1))


def _last(entries: Sequence[Entry]) -> Place | None:
    return Place.parse(entries[-1][0]) if entries else None
