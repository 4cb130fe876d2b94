"""One run of a drill: its load, its seed, what it expects, and the row it makes of the result."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any, Final

from redis.exceptions import ResponseError

from common.place import stream_key
from tests.chaos import tally
from tests.chaos.harness.ledger import Allowed, Findings, Ledger
from tests.chaos.harness.load import POSTS_PER_SECOND, Load, Record
from tests.chaos.harness.servers import until
from tests.chaos.harness.world import PRODUCERS, World

# What a drill waits for before it calls a recovery failed, whatever its target is.
PATIENCE_SECONDS: Final = 90.0


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table; `problems` says why a row is not met.

    `unbalanced` are those of the ledger: they hold however slow the machine was.
    """

    drill: str
    runs: int
    seed: int
    acknowledged: int
    lost: int
    doubled: int
    rolled_back: int
    recovery_seconds: float
    target: str
    met: bool
    writes_per_second: float = 0.0
    problems: list[str] = field(default_factory=list)
    unbalanced: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """The row as JSON has it."""
        return asdict(self)


class Trial:
    """What a drill works with. Everything random comes from `random`."""

    def __init__(self, world: World, *, seed: int, quick: bool) -> None:
        self.world = world
        self.random = Random(seed)  # noqa: S311 - faults are to be repeatable, not secret
        self.quick = quick
        self.runs = 1
        self.record = Record()
        self.problems: list[str] = []
        self.recovery_seconds = 0.0
        self.allowed = Allowed()

    def either(self, full: float, quick: float) -> float:
        """A length: the promised one, or the one of a quick run."""
        return quick if self.quick else full

    def expect(self, condition: bool, problem: str) -> None:  # noqa: FBT001 - a condition
        """Note a problem unless the condition holds; the drill goes on."""
        if not condition:
            self.problems.append(problem)

    @asynccontextmanager
    async def load(self, poison: float = 0.0) -> AsyncIterator[Record]:
        """Write at the gateway during the block; its record is the trial's, over several blocks."""
        # A quick run shares the machine with other tests, and asks for the ledger alone.
        rate = self.either(POSTS_PER_SECOND, POSTS_PER_SECOND / 2)
        load = Load(self.world, self.random, self.record, poison=poison, posts_per_second=rate)
        async with load.running():
            yield self.record

    async def recover(self, within: float, what: str = "all caught up") -> float:
        """Measure from now, when a fault is over, how long everybody needs to catch up."""
        try:
            seconds = await self.world.caught_up(seconds=PATIENCE_SECONDS)
        except TimeoutError as error:
            self.expect(condition=False, problem=str(error))
            seconds = math.inf
        self.note_recovery(seconds, within, f"{what} (the last: {self.world.last_behind})")
        return seconds

    async def expect_streams_to_follow(self, within: float) -> None:
        """Wait until every stream ends with an event that its log has or had a moment ago."""

        async def all_follow() -> bool:
            return all([await self._stream_follows(producer) for producer in PRODUCERS])

        try:
            seconds = await until(all_follow, seconds=PATIENCE_SECONDS, what="streams follow")
        except TimeoutError as error:
            self.expect(condition=False, problem=str(error))
        else:
            self.note_recovery(seconds, within, "streams follow their logs")

    async def _stream_follows(self, producer: str) -> bool:
        """Whether the last of the stream is among the last events of the log."""
        query = "SELECT epoch, position FROM event_log ORDER BY position DESC LIMIT 200"
        log = {f"{row[0]}-{row[1]}" for row in await self.world.fetch(producer, query)}
        redis = self.world.valkey.redis
        try:
            last: Any = await redis.xrevrange(stream_key(producer), count=1)
        except ResponseError:  # It is not even a stream.
            return False
        return last[0][0].decode() in log if last else not log

    def note_recovery(self, seconds: float, within: float, what: str) -> None:
        """Keep the longest recovery, and compare this one with its target."""
        self.recovery_seconds = max(self.recovery_seconds, seconds)
        self.expect(seconds <= within, f"{what} after {seconds:.2f} s, not within {within:g} s")

    def expect_no_failures(self, since: float = 0.0, until: float = math.inf) -> None:
        """Expect that no request was answered with 5xx or not at all in a time."""
        failed = self.record.failures(since, until)
        kinds = sorted({(each.kind, each.status) for each in failed})
        self.expect(not failed, f"{len(failed)} requests failed: {kinds[:5]}")

    async def delay(self, quantile: float, *, since: float, until: float) -> float:
        """The seconds between commit and effect, of facts of a time (since the epoch)."""
        query = """
            SELECT percentile_cont($1) WITHIN GROUP (
                       ORDER BY extract(epoch FROM applied_at - occurred_at)::float)
              FROM effects
             WHERE occurred_at BETWEEN to_timestamp($2) AND to_timestamp($3)"""
        found = await self.world.fetchval(tally.NAME, query, quantile, since, until)
        return math.nan if found is None else float(found)

    async def lost_ranges(self, consumer: str, kind: str) -> int:
        """How many ranges of a kind a consumer has recorded."""
        query = "SELECT count(*) FROM lost_ranges WHERE kind = $1"
        return int(await self.world.fetchval(consumer, query, kind))


@dataclass(frozen=True, slots=True)
class Drill:
    """A fault, and what must be true during it and after it."""

    name: str
    target: str
    run: Callable[[Trial], Awaitable[None]]

    async def take(self, world: World, *, seed: int, quick: bool) -> Row:
        """Run it, let everything come to rest, check the ledger; the row says all of it."""
        trial = Trial(world, seed=seed, quick=quick)
        findings = Findings()
        try:
            await self.run(trial)
            await world.caught_up(seconds=PATIENCE_SECONDS)
            await _come_to_rest(world)
            findings = await Ledger(world, trial.record, trial.allowed).check()
        except Exception as error:  # noqa: BLE001 - the row tells of it, and the others still run
            findings.problems.append(f"{type(error).__name__}: {_told(error)}")
        record = trial.record
        trial.expect(not record.refusals(), f"refused: {record.refusals()[:3]}")
        problems = trial.problems + findings.problems
        seconds = trial.recovery_seconds
        return Row(
            drill=self.name,
            runs=trial.runs,
            seed=seed,
            acknowledged=record.acknowledged,
            lost=findings.lost,
            doubled=findings.doubled,
            rolled_back=findings.rolled_back,
            recovery_seconds=round(seconds, 2) if math.isfinite(seconds) else PATIENCE_SECONDS,
            target=self.target,
            met=not problems and findings.lost == findings.doubled == 0,
            writes_per_second=round(record.rate, 1),
            problems=problems,
            unbalanced=findings.problems,
        )


async def _come_to_rest(world: World) -> None:
    """Wait until the streams had the time to follow their logs, which nobody waits for."""
    await asyncio.sleep(1.5)
    await world.caught_up(seconds=PATIENCE_SECONDS)


def _told(error: Exception) -> str:
    if isinstance(error, ExceptionGroup):
        return "; ".join(_told(each) for each in error.exceptions)
    return str(error)[:500]


def now() -> float:
    """The time since the epoch, as records and rows have it."""
    return time.time()
