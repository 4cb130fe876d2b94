"""The world of the model: real servers behind stepped clients, in an event loop of its own."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from redis.asyncio import ConnectionPool
from sqlalchemy import text

from common.contracts import Envelope
from common.db import open_database
from common.place import Place
from common.settings import DatabaseSettings
from libs.common.tests.events.bench import STREAM, Bench
from libs.common.tests.events.stepping import SteppedDatabase, SteppedRedis

# One string of SQL a database: the model resets, backs up and restores hundreds of times.
SETUP = (
    """
    CREATE TABLE IF NOT EXISTS taken
      (seq bigserial, epoch bigint, position bigint, n int, via text)
    """,
    """
    CREATE OR REPLACE FUNCTION begin_anew() RETURNS void LANGUAGE plpgsql AS $$
    DECLARE name text;
    BEGIN
      FOREACH name IN ARRAY ARRAY['outbox', 'event_log', 'stream_head', 'epochs', 'event_readers',
        'stream_cursor', 'parked_events', 'lost_ranges', 'taken', 'copies'] LOOP
        EXECUTE format('DELETE FROM %I', name);
      END LOOP;
      INSERT INTO stream_head DEFAULT VALUES;
    END $$
    """,
    """
    CREATE OR REPLACE FUNCTION take_backup() RETURNS text LANGUAGE sql AS $$
      SELECT jsonb_build_object(
        'outbox', (SELECT coalesce(jsonb_agg(t), '[]') FROM outbox t),
        'event_log', (SELECT coalesce(jsonb_agg(t), '[]') FROM event_log t),
        'stream_head', (SELECT coalesce(jsonb_agg(t), '[]') FROM stream_head t),
        'epochs', (SELECT coalesce(jsonb_agg(t), '[]') FROM epochs t),
        'event_readers', (SELECT coalesce(jsonb_agg(t), '[]') FROM event_readers t))::text
    $$
    """,
    """
    CREATE OR REPLACE FUNCTION put_back(backup text) RETURNS void LANGUAGE plpgsql AS $$
    DECLARE name text;
    BEGIN
      FOREACH name IN ARRAY
        ARRAY['outbox', 'event_log', 'stream_head', 'epochs', 'event_readers'] LOOP
        EXECUTE format('DELETE FROM %I', name);
        EXECUTE format('INSERT INTO %I OVERRIDING SYSTEM VALUE
          SELECT * FROM jsonb_populate_recordset(NULL::%I, $1)', name, name)
          USING backup::jsonb -> name;
      END LOOP;
    END $$
    """,
)


class Entry(NamedTuple):
    """An event's place and its number."""

    place: Place
    n: int


class Effect(NamedTuple):
    """An event that took effect, and whether the consumer or the retrier let it."""

    place: Place
    n: int
    via: str


class Lost(NamedTuple):
    """A row of `lost_ranges`."""

    kind: str
    epoch: int
    first: int
    last: int


@dataclass(frozen=True)
class Evidence:
    """What there is in the consumer's database, in the order in which it came to be."""

    cursor: Place
    effects: list[Effect]
    copies: set[int]
    lost: list[Lost]


class ShiftedLoop(asyncio.SelectorEventLoop):
    """An event loop whose time can be set forward."""

    shift = 0.0

    def time(self) -> float:
        return super().time() + self.shift


class World:
    """The servers, and how the model looks at them and what it does to them."""

    def __init__(
        self,
        runner: asyncio.Runner,
        clock: "ShiftedLoop",
        producer: SteppedDatabase,
        consumer: SteppedDatabase,
        redis: SteppedRedis,
    ) -> None:
        self._runner = runner
        self._clock = clock
        self.producer = producer
        self.consumer = consumer
        self.redis = redis
        self.bench = Bench(producer, consumer, redis)

    def run[T](self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def wait(self, seconds: float) -> None:
        """Let that much time pass for everything in this world, at once."""
        self._clock.shift += seconds

    async def begin_anew(self) -> None:
        """Empty everything; a consumer's cursor is there from the start."""
        for database in (self.producer, self.consumer):
            async with database.reads() as connection:
                await connection.execute(text("SELECT begin_anew()"))
        self.redis.away = False
        await self.redis.flushdb()
        await self.bench.handling().cursor()

    async def wait_for_retries(self) -> None:
        """Let time pass until all that is parked is due; an operator retries what has no time."""
        query = "UPDATE parked_events SET next_at = coalesce(next_at, now()) - interval '1 hour'"
        async with self.consumer.reads() as connection:
            await connection.execute(text(query))

    async def back_up(self) -> str:
        async with self.producer.reads() as connection:
            return str((await connection.execute(text("SELECT take_backup()"))).scalar_one())

    async def begin_life(self, backup: str | None) -> None:
        """Restart the producer's database, from a backup if there is one."""
        async with self.producer.transaction() as session:
            if backup is not None:
                await session.execute(text("SELECT put_back(:backup)"), {"backup": backup})
            await session.execute(text("UPDATE stream_head SET server_started_at = 'epoch'"))

    async def log(self, after: int = 0) -> tuple[Place, list[Entry]]:
        """Return the head and what the log has after a position."""
        query = text(
            "SELECT h.epoch, h.position, e.epoch, e.position, (e.payload->>'n')::int"
            " FROM stream_head h LEFT JOIN event_log e ON e.position > :after ORDER BY e.position"
        )
        async with self.producer.reads() as connection:
            rows = (await connection.execute(query, {"after": after})).all()
        head = Place(rows[0][0], rows[0][1])
        return head, [Entry(Place(row[2], row[3]), row[4]) for row in rows if row[4] is not None]

    async def stream(self) -> list[tuple[str, int | None]]:
        """Every entry's id and number; None for what no relay wrote."""
        if await self.redis.type(STREAM) != b"stream":
            return []
        entries: Any = await self.redis.xrange(STREAM)
        return [(entry_id.decode(), _number(fields)) for entry_id, fields in entries]

    async def evidence(self) -> Evidence:
        async with self.consumer.reads() as connection:
            cursor = text("SELECT epoch, position FROM stream_cursor")
            place = Place(*(await connection.execute(cursor)).one())
            taken = text("SELECT epoch, position, n, via FROM taken ORDER BY seq")
            effects = [
                Effect(Place(epoch, position), n, via)
                for epoch, position, n, via in await connection.execute(taken)
            ]
            copies = set((await connection.execute(text("SELECT n FROM copies"))).scalars())
            query = text("SELECT kind, epoch, first_position, last_position FROM lost_ranges")
            lost = [Lost(*row) for row in await connection.execute(query)]
        return Evidence(place, effects, copies, lost)


def _number(fields: dict[bytes, bytes]) -> int | None:
    try:
        event = Envelope.model_validate_json(fields[b"event"])
    except (KeyError, ValueError):
        return None
    return int(event.payload["n"])


@contextmanager
def open_world(database_urls: tuple[str, str], redis_url: str) -> Iterator[World]:
    """Open clients of the servers in a loop of their own, so that synchronous rules drive them."""
    clock = ShiftedLoop()
    with asyncio.Runner(loop_factory=lambda: clock) as runner:
        stack = AsyncExitStack()
        try:
            producer, consumer = [runner.run(_open_database(stack, each)) for each in database_urls]
            pool = ConnectionPool.from_url(redis_url)
            stack.push_async_callback(pool.aclose)
            redis = SteppedRedis(connection_pool=pool)
            yield World(runner, clock, producer, consumer, redis)
        finally:
            runner.run(stack.aclose())


async def _open_database(stack: AsyncExitStack, url: str) -> SteppedDatabase:
    own = await stack.enter_async_context(open_database(DatabaseSettings(database_url=url)))
    async with own.engine.begin() as connection:
        for statement in SETUP:
            await connection.execute(text(statement))
    return SteppedDatabase(own.engine, own.read_engine, own.sessions, own.direct)
