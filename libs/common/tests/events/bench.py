"""The bench of the event tests: emit, relay and consume one step at a time, then compare."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts import Event
from common.db import Database
from common.outbox import Outbox, Relay, read_head, read_log
from common.outbox.log import EventsGone
from common.place import Place
from common.streams import Bootstrap, Consumer, Copies, Copy, Effects, Received, sources
from common.streams.sources import PastRetention, Replay, SnapshotPage, Stream

STREAM = "events:ledger"


class Counted(Event):
    wire_name: ClassVar = "ledger.counted.v1"

    n: int


@dataclass(frozen=True)
class Tx:
    session: AsyncSession


class LogByDatabase:
    """The producer's log without HTTP in between; counts how often it was asked."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.asked = 0
        self.state: set[int] = set()

    async def read(self, after: Place, *, wait_seconds: int) -> Replay:
        self.asked += 1
        try:
            async with self._database.reads() as connection:
                page = await read_log(connection, after=after, limit=sources.BATCH)
        except EventsGone as gone:
            first = Place(gone.fields["first_epoch"], gone.fields["first_position"])
            raise PastRetention(first, gone.fields["resume_at"]) from gone
        return Replay(page.head, page.resume_at, page.events)

    async def snapshot(self, event_type: str, *, after: list[str] | None) -> SnapshotPage:
        """The producer's state is the set of numbers in `state`, two a page."""
        async with self._database.reads() as connection:
            head = await read_head(connection)
        follows = sorted(n for n in self.state if after is None or n > int(after[0]))
        rows: list[dict[str, Any]] = [{"n": n} for n in follows[:2]]
        return SnapshotPage(head, rows, [str(follows[1])] if len(follows) > 2 else None)


async def record(tx: Tx, event: Received[Counted]) -> None:
    """The effect: one row without a key, so that a second one would show."""
    values = {"id": event.id, "key": "", "n": event.data.n}
    await tx.session.execute(text("INSERT INTO effects VALUES (:id, :key, :n)"), values)


async def copy_number(tx: Tx, event: Received[Counted]) -> None:
    """The copy: a number and the place that last wrote it."""
    values = {"n": event.data.n, "epoch": event.place.epoch, "position": event.place.position}
    await tx.session.execute(
        text(
            "INSERT INTO copies VALUES (:n, :epoch, :position) ON CONFLICT (n) DO UPDATE"
            " SET epoch = excluded.epoch, position = excluded.position"
            " WHERE (copies.epoch, copies.position) < (excluded.epoch, excluded.position)"
        ),
        values,
    )


async def forget_numbers(tx: Tx, place: Place) -> None:
    values = {"epoch": place.epoch, "position": place.position}
    older = text("DELETE FROM copies WHERE (epoch, position) < (:epoch, :position)")
    await tx.session.execute(older, values)


async def record_and_copy(tx: Tx, event: Received[Counted]) -> None:
    """A reaction and a copy at once, as handlers of services are."""
    await record(tx, event)
    await copy_number(tx, event)


@dataclass
class Bench:
    producer: Database
    consumer_database: Database
    redis: Redis
    log: LogByDatabase = field(init=False)

    def __post_init__(self) -> None:
        self.log = LogByDatabase(self.producer)

    def relay(self) -> Relay:
        return Relay("ledger", self.producer, self.redis)

    def consumer(
        self,
        handle: Callable[[Tx, Received[Any]], Awaitable[None]] = record,
        redis: Redis | None = None,
    ) -> Consumer:
        stream = Stream("ledger", redis or self.redis)
        effects = self.handling(handle)
        copies: Copies[Tx] = {Counted: Copy(copy_number, forget_numbers)}
        bootstrap = Bootstrap("ledger", copies, effects, self.transaction, self.log)
        return Consumer("ledger", effects, stream, self.log, bootstrap)

    def handling(
        self, handle: Callable[[Tx, Received[Any]], Awaitable[None]] = record
    ) -> Effects[Tx]:
        return Effects("ledger", {Counted: handle}, self.transaction)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        async with self.consumer_database.transaction() as session:
            yield Tx(session)

    async def emit(self, *numbers: int, keys: int = 3) -> None:
        """Commit one event a number, each in a transaction of its own."""
        for n in numbers:
            async with self.producer.transaction() as session:
                await Outbox(session).add(Counted(n=n), key=str(n % keys))

    async def relayed(self, *numbers: int, relay: Relay | None = None, keys: int = 3) -> Relay:
        """Emit, assign and publish."""
        relay = relay or self.relay()
        await self.emit(*numbers, keys=keys)
        while await relay.assign():
            pass
        await self.publish(relay)
        return relay

    async def publish(self, relay: Relay) -> None:
        """Publish until the stream has all that the log has."""
        for _ in range(100):
            await relay.publish()
            if await self.stream_top() == await self.head():
                return
        raise AssertionError("the stream never reached the log's head")

    async def consume(self, consumer: Consumer, steps: int = 60) -> None:
        """Take steps until the cursor is at the head."""
        for _ in range(steps):
            if await self.cursor() == await self.head():
                return
            if not await consumer.step(block_seconds=0.01):
                await asyncio.sleep(0.05)
        raise AssertionError("the cursor never reached the head")

    async def parked(self) -> list[tuple[int, int, bool]]:
        """What is parked, in order: number, attempts, whether it waits for a time."""
        query = text(
            "SELECT (envelope->'payload'->>'n')::int, attempts, next_at IS NOT NULL"
            " FROM parked_events WHERE skipped_at IS NULL ORDER BY epoch, position"
        )
        async with self.consumer_database.reads() as connection:
            return [tuple(row) for row in await connection.execute(query)]

    async def make_due(self) -> None:
        """Let the time of every retry come."""
        async with self.consumer_database.transaction() as session:
            await session.execute(text("UPDATE parked_events SET next_at = now() - interval '1 s'"))

    async def effects(self) -> list[int]:
        """What took effect, in order of insertion."""
        async with self.consumer_database.reads() as connection:
            rows = await connection.execute(text("SELECT n FROM effects ORDER BY ctid"))
            return list(rows.scalars())

    async def copies(self) -> set[int]:
        async with self.consumer_database.reads() as connection:
            return set((await connection.execute(text("SELECT n FROM copies"))).scalars())

    async def lost(self) -> list[tuple[str, int, int, int]]:
        """The recorded ranges: kind, epoch, first and last position."""
        query = text("SELECT kind, epoch, first_position, last_position FROM lost_ranges")
        async with self.consumer_database.reads() as connection:
            return [tuple(row) for row in await connection.execute(query)]

    async def log_numbers(self) -> list[int]:
        """What the log holds, in order of position."""
        async with self.producer.reads() as connection:
            query = text("SELECT (payload->>'n')::int FROM event_log ORDER BY position")
            return list((await connection.execute(query)).scalars())

    async def positions(self) -> list[int]:
        async with self.producer.reads() as connection:
            rows = await connection.execute(text("SELECT position FROM event_log ORDER BY 1"))
            return list(rows.scalars())

    async def head(self) -> str:
        return await self._place(self.producer, "stream_head")

    async def cursor(self) -> str:
        return await self._place(self.consumer_database, "stream_cursor")

    async def stream_ids(self) -> list[str]:
        entries: Any = await self.redis.xrange(STREAM)
        return [entry_id.decode() for entry_id, _ in entries]

    async def stream_top(self) -> str:
        if await self.redis.type(STREAM) != b"stream":
            return "0-0"
        info: Any = await self.redis.xinfo_stream(STREAM)
        return str(info["last-generated-id"].decode())

    async def _place(self, database: Database, table: str) -> str:
        query = text(f"SELECT epoch, position FROM {table}")  # noqa: S608 — a literal above.
        async with database.reads() as connection:
            row = (await connection.execute(query)).one_or_none()
        return f"{row[0]}-{row[1]}" if row else "0-0"
