"""The relay: numbers committed outbox rows and publishes them on the service's stream.

Any number of relays may run. Assigning happens under a row lock; publishing is a compare-and-append
on the stream's top, so a relay that lags, repeats or races appends nothing twice and skips nothing.
"""

import asyncio
from typing import Final

import structlog
from prometheus_client import Counter, Gauge
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import BigInteger, bindparam, text

from common.clock import utc_now
from common.db import Database
from common.errors import Unavailable
from common.outbox.log import REBORN, Entry, knows, read_after
from common.place import EMPTY, Place, stream_key
from common.supervision import beat

ASSIGN_BATCH: Final = 500
REBUILD_TAIL: Final = 10_000
STREAM_MAXLEN: Final = 100_000
BUSY_POLL_SECONDS: Final = 0.005
IDLE_POLL_SECONDS: Final = 0.05
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

# What has a position may be on its way to others, so its commit must survive a crash: the setting
# is made in the same round trip.
LOCK_HEAD = text("""
    SELECT set_config('synchronous_commit', 'on', true),
           (server_started_at, filenode) IS DISTINCT FROM
           (pg_postmaster_start_time(), pg_relation_filenode('stream_head')::bigint) AS reborn
      FROM stream_head FOR UPDATE SKIP LOCKED
""")
# An epoch is named after the time when it opens: a counter would be restored with all the rest, and
# a second restore would give out the same epochs, hence the same places, to other events.
OPEN_EPOCH = text("""
    WITH head AS (
        UPDATE stream_head
           SET epoch = greatest(epoch + 1, :milliseconds),
               server_started_at = pg_postmaster_start_time(),
               filenode = pg_relation_filenode('stream_head')::bigint
        RETURNING epoch, position),
    opened AS (
        INSERT INTO epochs (epoch, start_position) SELECT epoch, position + 1 FROM head)
    SELECT epoch, position + 1 AS start_position FROM head
""").bindparams(bindparam("milliseconds", type_=BigInteger))
# ANY (ARRAY(…)), not IN (…): an outbox that was empty when it was last analysed makes the planner
# join the two by brute force, and 500 rows of 6000 then take longer than statement_timeout.
MOVE = text("""
    WITH moved AS (
        DELETE FROM outbox
         WHERE id = ANY (ARRAY(SELECT id FROM outbox ORDER BY id LIMIT :batch)) RETURNING *),
    logged AS (
        INSERT INTO event_log
               (position, epoch, event_id, type, key, payload, headers, occurred_at)
        SELECT h.position + row_number() OVER (ORDER BY m.id), h.epoch,
               m.event_id, m.type, m.key, m.payload, m.headers, m.occurred_at
          FROM moved m, stream_head h
        RETURNING 1),
    counted AS (SELECT count(*) AS n FROM logged)
    UPDATE stream_head SET position = position + n FROM counted RETURNING n
""")
WORK = text("SELECT EXISTS (SELECT FROM outbox)")

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
if top ~= ARGV[1] then return top end
if ARGV[3] == 'rebuild' then redis.call('DEL', KEYS[1]) end
for i = 4, #ARGV, 2 do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], ARGV[i], 'event', ARGV[i + 1])
end
return top
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
        self._assigned = asyncio.Event()

    async def run(self) -> None:
        """Assign and publish until cancelled; an outage of one does not stop the other."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._run_assigning())
            group.create_task(self._run_publishing())

    async def assign(self) -> int:
        """Move one batch from the outbox to the log; return how many events got a position.

        Raises:
            Unavailable: PostgreSQL does not answer; nothing moved.
        """
        async with self._database.transaction() as session:
            head = (await session.execute(LOCK_HEAD)).one_or_none()
            if head is None:
                return 0
            if head.reborn:
                now = {"milliseconds": int(utc_now().timestamp() * 1000)}
                opened = (await session.execute(OPEN_EPOCH, now)).one()
                log.info("epoch_opened", epoch=opened.epoch, start_position=opened.start_position)
            moved: int = (await session.execute(MOVE, {"batch": ASSIGN_BATCH})).scalar_one()
        assigned_total.inc(moved)
        return moved

    async def publish(self) -> int:
        """Append to the stream what the log has after the stream's top; return how many.

        Raises:
            Unavailable: PostgreSQL does not answer.
            RedisError: Redis does not answer; the next call finds out what it has.
        """
        top = self._top = self._top or await self._find_top()
        events = await self._read_after(top)
        if events is None or not await self._append_after(top, events):
            self._top = None
            return 0
        if events:
            self._top = events[-1].place
            published_total.inc(len(events))
        return len(events)

    async def _read_after(self, top: Place) -> list[Entry] | None:
        """Read what follows `top`; None when the log no longer knows `top` (it was restored)."""
        async with self._database.reads() as connection:
            if top == EMPTY:
                return await read_after(connection, position=0, limit=ASSIGN_BATCH)
            events = await read_after(connection, position=top.position - 1, limit=ASSIGN_BATCH + 1)
        known = bool(events) and events[0].place == top
        return events[1:] if known else None

    async def _append_after(
        self, top: Place | str, events: list[Entry], *, mode: str = "append"
    ) -> bool:
        """Append the events if the stream's top is still `top`; tell whether it was."""
        arguments: list[str] = [str(top), str(STREAM_MAXLEN), mode]
        for event in events:
            arguments += [str(event.place), event.data]
        return await self._call(arguments) == str(top)

    async def _call(self, arguments: list[str]) -> str:
        answer = await self._append(keys=[self._key], args=arguments)
        return answer.decode() if isinstance(answer, bytes) else str(answer)

    async def _find_top(self) -> Place:
        """Ask the stream for its top; where the log does not know it, rebuild the stream."""
        actual = await self._call(["?", str(STREAM_MAXLEN), "append"])
        place = Place.parse(actual)
        async with self._database.reads() as connection:
            if place and await knows(connection, place):
                return place
            position = (
                await connection.execute(text("SELECT position FROM stream_head"))
            ).scalar_one()
            tail = await read_after(
                connection, position=position - REBUILD_TAIL, limit=ASSIGN_BATCH
            )
        if not tail and place == EMPTY:
            return EMPTY
        await self._append_after(actual, tail, mode="rebuild")
        rebuilt_total.inc()
        log.warning("stream_rebuilt", found=actual, log_position=position)
        return tail[-1].place if tail else EMPTY

    async def _run_assigning(self) -> None:
        compared_at, pause = 0.0, BUSY_POLL_SECONDS
        clock = asyncio.get_running_loop().time
        while True:
            beat()
            try:
                async with self._database.reads() as connection:
                    work = (await connection.execute(WORK)).scalar_one()
                    if clock() - compared_at > COMPARE_SECONDS:
                        # A restored database opens its epoch at once, not at the next event.
                        work = work or (await connection.execute(REBORN)).scalar_one()
                        compared_at = clock()
                moved = await self.assign() if work else 0
                self._assigned_at.set_to_current_time()
            except Unavailable as error:
                log.warning("relay_assign_unavailable", error=str(error.__cause__))
                pause = COMPARE_SECONDS
            else:
                pause = BUSY_POLL_SECONDS if moved else min(pause * 1.5, IDLE_POLL_SECONDS)
                if moved:
                    self._assigned.set()
            await asyncio.sleep(pause)

    async def _run_publishing(self) -> None:
        while True:
            beat()
            try:
                self._assigned.clear()
                published = await self.publish()
                self._published_at.set_to_current_time()
                if published == ASSIGN_BATCH or self._top is None:
                    await asyncio.sleep(BUSY_POLL_SECONDS)
                    continue
                await asyncio.wait_for(self._assigned.wait(), COMPARE_SECONDS)
            except TimeoutError:
                continue
            except (RedisError, OSError, Unavailable) as error:
                log.warning("relay_publish_unavailable", error=repr(error))
                self._top = None
                await asyncio.sleep(COMPARE_SECONDS)
