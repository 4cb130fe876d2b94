"""The measurements: each runs one contender on an empty stage and returns its figures."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from statistics import quantiles
from typing import Any, Final

import asyncpg
from redis.asyncio import Redis

from bench.events import tables
from bench.events.stage import Stage
from bench.machine import cpu_seconds

WARM_UP: Final = 300
WARM_UP_SECONDS: Final = 1.5
PATIENCE_SECONDS: Final = 180
SETTLING_SECONDS: Final = 5
COPIED_AT_ONCE: Final = 10_000
# An effect's latency is the distance of the two commits that PostgreSQL stamped.
LATENCIES: Final = """
    SELECT extract(epoch FROM pg_xact_commit_timestamp(e.xmin)
                            - pg_xact_commit_timestamp(f.xmin))::float * 1000
      FROM effects e JOIN facts f USING (id)
     WHERE f.n > $1
"""
LAST_COMMIT: Final = "SELECT max(pg_xact_commit_timestamp(xmin)) FROM effects WHERE seq > $1"
FIRST_COMMIT: Final = "SELECT min(pg_xact_commit_timestamp(xmin)) FROM effects WHERE seq > $1"


@dataclass(frozen=True)
class Drained:
    """Events a second, and what each process took of the CPU in microseconds an event."""

    rate: float
    cpu: dict[str, float]


@dataclass(frozen=True)
class Contender:
    """Its processes, what its producer speaks, and the backlog that it is given."""

    name: str
    processes: tuple[tuple[str, ...], ...]
    producer: str
    backlog: int


COLONNADE: Final = Contender(
    "Colonnade",
    (("colonnade", "app"), ("colonnade", "relay"), ("colonnade", "consumer")),
    "outbox",
    20_000,
)
BARE: Final = Contender("bare limit", (("bare", "move"), ("bare", "apply")), "outbox", 20_000)
CELERY: Final = Contender("Celery", (("rivals", "celery"),), "celery", 2_500)
FASTSTREAM: Final = Contender("FastStream", (("rivals", "faststream"),), "faststream", 4_000)
CONTENDERS: Final = (COLONNADE, BARE, FASTSTREAM, CELERY)


@dataclass
class Running:
    """A contender at work; `connection` is the observer's."""

    stage: Stage
    contender: Contender
    connection: Any
    processes: list[subprocess.Popen[bytes]]

    async def drain(self) -> Drained:
        """Measure while a backlog that was committed at once takes effect."""
        cpu = self._cpu()
        before = await tables.applied(self.connection)
        await self.connection.execute(
            tables.INSERT_BACKLOG, self.contender.backlog, tables.TITLE, timeout=60
        )
        committed_at = await self.connection.fetchval("SELECT clock_timestamp()")
        await self.until_applied(before + self.contender.backlog)
        last = await self.connection.fetchval(LAST_COMMIT, before)
        rate = self.contender.backlog / (last - committed_at).total_seconds()
        spent = {name: seconds - cpu[name] for name, seconds in self._cpu().items()}
        per_event = {name: s * 1e6 / self.contender.backlog for name, s in spent.items()}
        return Drained(rate, per_event)

    async def flat_out(self, seconds: float) -> float:
        """Return events a second while the producer commits as fast as effects follow."""
        command = ("load", self.contender.producer, "flat-out", str(seconds + WARM_UP_SECONDS + 2))
        before = await tables.applied(self.connection)
        with self.stage.running(command) as (load,):
            await self.until_applied(before + 1)
            await asyncio.sleep(WARM_UP_SECONDS)
            clock = asyncio.get_running_loop().time
            first, started = await tables.applied(self.connection), clock()
            await asyncio.sleep(seconds)
            last, ended = await tables.applied(self.connection), clock()
            load.wait()
        await self.until_nothing_is_left()
        return (last - first) / (ended - started)

    async def latency(self, rate: float, seconds: float) -> tuple[float, float]:
        """Return p50 and p99 in milliseconds from commit to effect, at a rate of commits."""
        await self.connection.execute("TRUNCATE facts, effects")
        command = ("load", self.contender.producer, "rate", str(rate))
        await asyncio.to_thread(self.stage.output_of, *command, str(WARM_UP_SECONDS + seconds))
        await self.until_nothing_is_left()
        rows = await self.connection.fetch(LATENCIES, int(rate * WARM_UP_SECONDS))
        cuts = quantiles([row[0] for row in rows], n=100)
        return cuts[49], cuts[98]

    def _cpu(self) -> dict[str, float]:
        names = [command[1] for command in self.contender.processes]
        own = dict(zip(names, (process.pid for process in self.processes), strict=True))
        return {name: cpu_seconds(pid) for name, pid in (own | self.stage.servers).items()}

    async def until_nothing_is_left(self) -> None:
        """Wait until every fact took effect; a second effect is refused by its key."""
        left = "SELECT count(*) FROM facts WHERE id NOT IN (SELECT id FROM effects)"
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self.connection.fetchval(left, timeout=60):
                await self._pause()

    async def until_applied(self, count: int) -> None:
        """Wait for so many effects."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await tables.applied(self.connection) < count:
                await self._pause()

    async def _pause(self) -> None:
        await asyncio.sleep(0.02)


@asynccontextmanager
async def running(stage: Stage, contender: Contender) -> AsyncIterator[Running]:
    """Run a contender on empty tables, and give it something to warm up with."""
    async with stage.connection() as connection:
        await empty(stage, connection)
        with stage.running(*contender.processes) as processes:
            at_work = Running(stage, contender, connection, processes)
            before = await tables.applied(connection)
            if contender.producer == "outbox":
                await connection.execute(tables.INSERT_BACKLOG, WARM_UP, tables.TITLE)
            else:
                command = ("load", contender.producer, "send", str(WARM_UP))
                await asyncio.to_thread(stage.output_of, *command)
            await at_work.until_applied(before + WARM_UP)
            yield at_work


async def drain_queue(stage: Stage, contender: Contender) -> Drained:
    """Measure what a rival applies of a queue that it finds when it starts."""
    async with stage.connection() as connection:
        await empty(stage, connection)
        before = await tables.applied(connection)
        command = ("load", contender.producer, "send", str(contender.backlog))
        await asyncio.to_thread(stage.output_of, *command)
        with stage.running(*contender.processes) as processes:
            at_work = Running(stage, contender, connection, processes)
            await at_work.until_applied(before + contender.backlog)
        first = await connection.fetchval(FIRST_COMMIT, before)
        last = await connection.fetchval(LAST_COMMIT, before)
        return Drained(contender.backlog / (last - first).total_seconds(), {})


async def idle(stage: Stage, seconds: float) -> tuple[float, float]:
    """Return what a relay without work takes of a core, and PostgreSQL for it, in percent."""
    async with stage.connection() as connection:
        await empty(stage, connection)
    with stage.running(("colonnade", "relay")) as (relay,):
        await asyncio.sleep(SETTLING_SECONDS)
        pids = (relay.pid, stage.servers["PostgreSQL"])
        before = [cpu_seconds(pid) for pid in pids]
        await asyncio.sleep(seconds)
        spent = [cpu_seconds(pid) - was for pid, was in zip(pids, before, strict=True)]
    return spent[0] / seconds * 100, spent[1] / seconds * 100


async def grow_log(stage: Stage, size: int) -> None:
    """Bring the log to at least `size` rows by COPY; nobody may be at work."""
    async with stage.connection() as connection:
        epoch, position = await connection.fetchrow("SELECT epoch, position FROM stream_head")
        if position < size:
            await connection.copy_to_table(
                "event_log",
                source=_copied(range(position + 1, size + 1), epoch),
                columns=["position", "epoch", "event_id", "type", "key", "payload", "headers"],
                timeout=3600,
            )
            await connection.execute("UPDATE stream_head SET position = $1", size)
            await connection.execute("VACUUM (ANALYZE) event_log", timeout=3600)
        await connection.execute("CHECKPOINT", timeout=3600)


async def empty(stage: Stage, connection: asyncpg.Connection) -> None:
    """Forget what the contender before left; the log stays, as it would in production."""
    await connection.execute("TRUNCATE facts, effects, outbox, stream_cursor, event_readers")
    await connection.execute("VACUUM stream_head")
    async with Redis.from_url(stage.addresses.redis) as redis:
        await redis.flushall()
    await connection.execute(
        "INSERT INTO stream_cursor (producer, epoch, position)"
        " SELECT $1, epoch, position FROM stream_head",
        tables.PRODUCER,
    )


async def _copied(positions: range, epoch: int) -> AsyncIterator[bytes]:
    payload = f'{{"n": 1, "title": "{tables.TITLE}"}}'
    lines = (
        f"{n}\t{epoch}\t{n:032x}\t{tables.Noted.wire_name}\t{n:032x}\t{payload}\t{{}}\n"
        for n in positions
    )
    while batch := "".join(islice(lines, COPIED_AT_ONCE)):
        yield batch.encode()
