"""The producer: commits facts and hands on their events, at a rate or as fast as they take effect.

`python -m bench.events.load outbox|celery|faststream rate R SECONDS | flat-out SECONDS | send N`.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

import asyncpg
import uvloop
from faststream.redis import RedisBroker

from bench.events import tables
from bench.events.rivals import STREAM, make_celery
from bench.events.stage import addresses
from common.ids import new_id

WRITERS: Final = 8
# Events that may be under way: enough for full batches, too few for a backlog that only grows.
WINDOW: Final = 2000
SEED: Final = 20_260_101

type Send = Callable[[asyncpg.Pool, UUID, int], Awaitable[object]]


@asynccontextmanager
async def sender(kind: str) -> AsyncIterator[Send]:
    """Return how a contender's producer commits a fact and tells of it."""
    if kind == "outbox":
        yield _to_outbox
    elif kind == "celery":
        _, task = make_celery()

        async def to_celery(pool: asyncpg.Pool, key: UUID, n: int) -> None:
            await pool.execute(tables.INSERT_FACT, key, n)
            task.delay(str(key), n, tables.TITLE)

        yield to_celery
    else:
        async with RedisBroker(addresses().redis) as broker:

            async def to_stream(pool: asyncpg.Pool, key: UUID, n: int) -> None:
                await pool.execute(tables.INSERT_FACT, key, n)
                event = {"id": str(key), "n": n, "title": tables.TITLE}
                await broker.publish(event, stream=STREAM)

            yield to_stream


async def _to_outbox(pool: asyncpg.Pool, key: UUID, n: int) -> None:
    await pool.execute(tables.INSERT_FACT_AND_EVENT, key, n, tables.TITLE)


class Load:
    """A number of writers that commit facts one by one."""

    def __init__(self, pool: asyncpg.Pool, send: Send) -> None:
        self._pool = pool
        self._send = send
        self.sent = 0

    async def at_rate(self, rate: float, seconds: float) -> None:
        """Commit facts at random moments (a Poisson process), whatever becomes of them."""
        moments = random.Random(SEED)  # noqa: S311 — the same moments in every run.
        due = started = time.monotonic()
        async with asyncio.TaskGroup() as group:
            while (due := due + moments.expovariate(rate)) < started + seconds:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                group.create_task(self._write())

    async def flat_out(self, seconds: float) -> None:
        """Commit facts as fast as their effects follow."""
        until = time.monotonic() + seconds
        before = await self._applied()

        async def write() -> None:
            while time.monotonic() < until:
                if self.sent - self.done >= WINDOW:
                    await asyncio.sleep(0.002)
                else:
                    await self._write()

        async def watch() -> None:
            while time.monotonic() < until:
                self.done = await self._applied() - before
                await asyncio.sleep(0.01)

        self.done = 0
        await asyncio.gather(watch(), *(write() for _ in range(WRITERS)))

    async def send(self, count: int) -> None:
        """Commit so many facts, as fast as can be."""

        async def write() -> None:
            while self.sent < count:
                await self._write()

        await asyncio.gather(*(write() for _ in range(WRITERS)))

    async def _write(self) -> None:
        self.sent += 1
        await self._send(self._pool, new_id(), self.sent)

    async def _applied(self) -> int:
        async with self._pool.acquire() as connection:
            return await tables.applied(connection)


async def main(kind: str, mode: str, *numbers: str) -> None:
    """Run one load and print how many facts were committed."""
    pool = asyncpg.create_pool(
        addresses().postgres, min_size=WRITERS, max_size=WRITERS + 1, reset=_keep
    )
    async with pool, sender(kind) as send:
        load = Load(pool, send)
        match mode, [float(number) for number in numbers]:
            case "rate", [rate, seconds]:
                await load.at_rate(rate, seconds)
            case "flat-out", [seconds]:
                await load.flat_out(seconds)
            case "send", [count]:
                await load.send(int(count))
        print(json.dumps({"sent": load.sent}))


async def _keep(_connection: object) -> None:
    """Spare the query that resets a connection: these have no state."""


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
