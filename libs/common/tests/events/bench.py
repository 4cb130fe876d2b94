"""The bench of the event tests: emit, relay and consume one step at a time, then compare."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts import Event
from common.db import Database
from common.outbox import Outbox, Relay, read_log
from common.outbox.place import Place
from common.streams import Consumer, Received
from common.streams.sources import Replay, Stream

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

    async def read(self, after: Place, *, wait_seconds: int) -> Replay:
        self.asked += 1
        async with self._database.reads() as connection:
            page = await read_log(connection, epoch=after.epoch, after=after.position, limit=500)
        return Replay(page.resume_at, page.events)


async def record(tx: Tx, event: Received[Counted]) -> None:
    """The effect: one row without a key, so that a second one would show."""
    values = {"id": event.id, "key": "", "n": event.data.n}
    await tx.session.execute(text("INSERT INTO effects VALUES (:id, :key, :n)"), values)


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
    ) -> Consumer[Tx]:
        stream = Stream("ledger", redis or self.redis)
        return Consumer("ledger", {Counted: handle}, self.transaction, stream, self.log)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        async with self.consumer_database.transaction() as session:
            yield Tx(session)

    async def emit(self, *numbers: int) -> None:
        """Commit one event a number, each in a transaction of its own."""
        for n in numbers:
            async with self.producer.transaction() as session:
                await Outbox(session).add(Counted(n=n), key=str(n % 3))

    async def relayed(self, *numbers: int, relay: Relay | None = None) -> Relay:
        """Emit, assign and publish."""
        relay = relay or self.relay()
        await self.emit(*numbers)
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

    async def consume(self, consumer: Consumer[Tx], steps: int = 20) -> None:
        """Take steps until the cursor is at the head."""
        for _ in range(steps):
            if await self.cursor() == await self.head():
                return
            await consumer.step(block_seconds=0.01)
        raise AssertionError("the cursor never reached the head")

    async def effects(self) -> list[int]:
        """What took effect, in order of insertion."""
        async with self.consumer_database.reads() as connection:
            rows = await connection.execute(text("SELECT n FROM effects ORDER BY ctid"))
            return list(rows.scalars())

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
