"""The consumer of one producer's events: in order, each taking effect exactly once.

Delivery is at least once; the effect is once because the cursor moves in its transaction. Redis is
only the fast path: whatever it lacks is read from the producer's log by HTTP.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import structlog
from prometheus_client import Counter, Gauge
from redis.exceptions import RedisError

from common.contracts import Envelope
from common.place import Place
from common.streams.bootstrap import Bootstrap
from common.streams.effects import Effects, Lost
from common.streams.failures import is_transient
from common.streams.gauges import Lag
from common.streams.sources import BATCH, PastRetention, Source, Stream
from common.supervision import beat

BLOCK_SECONDS: Final = 1.0
PROBE_SECONDS: Final = 0.5
HEAD_POLL_SECONDS: Final = 5.0
RECHECK_SECONDS: Final = 2
RETRY_POLL_SECONDS: Final = 0.5
BUSY_SECONDS: Final = 0.5
BACKOFF_SECONDS: Final = (0.1, 30.0)

log = structlog.get_logger()
ghosts_total = Counter(
    "colonnade_events_ghost_total", "Applied events that their producer lost.", ["producer"]
)
failing = Gauge(
    "colonnade_consumer_failing", "1 while the consumer cannot make progress.", ["producer"]
)


class Consumer:
    """Fetches one producer's events and hands them to `effects`. Any number may run at a time."""

    def __init__(
        self,
        producer: str,
        effects: Effects[Any],
        stream: Stream,
        source: Source,
        bootstrap: Bootstrap[Any],
    ) -> None:
        self._producer = producer
        self._effects = effects
        self._bootstrap = bootstrap
        self._stream = stream
        self._log = source
        self._lag = Lag(producer)
        self._cursor: Place | None = None
        self._batch = BATCH
        self._doubtful = True
        self._asked_at = 0.0

    async def run(self) -> None:
        """Consume until cancelled; what does not answer is waited for."""
        await self._repeat(self._run_step, "consumer_failed")

    async def run_retries(self) -> None:
        """Retry parked events until cancelled."""
        await self._repeat(self._run_retry, "retrier_failed")

    async def step(self, block_seconds: float = BLOCK_SECONDS) -> int:
        """Fetch one batch and apply it; return how many events took effect or were parked.

        Raises:
            Unavailable: PostgreSQL, or Redis and the producer both, do not answer.
        """
        cursor, self._cursor = self._cursor or await self._effects.cursor(), None
        events = await self._from_stream(cursor, block_seconds)
        lost = None
        if not events and (events is None or self._head_is_unknown()):
            try:
                events, lost = await self._from_log(cursor, 0 if events == [] else RECHECK_SECONDS)
            except PastRetention as gone:
                await self._bootstrap.run(cursor, gone, self._ghosts(cursor, gone.resume_at))
                return 0
        fetched_at = time.time()
        if not events:
            self._lag.complete(fetched_at)
            # An operator may have rewound it: without events nothing else would show that.
            self._cursor = await self._effects.cursor()
            return 0
        batch = self._batch
        taken = events[:batch]
        # What does not answer may be a database that all of this is too much for: half of it next.
        self._batch = max(1, len(taken) // 2)
        self._cursor = await self._effects.apply(cursor, taken, lost)
        self._batch = min(BATCH, batch * 2)
        if self._cursor is None:
            return 0
        self._lag.reach(self._cursor)
        if len(taken) == len(events) < BATCH:
            self._lag.complete(fetched_at)
        return len(taken)

    async def _from_stream(self, cursor: Place, block_seconds: float) -> list[Envelope] | None:
        """Read the run of events that follows the cursor; None while the stream is no use."""
        try:
            if self._doubtful:
                # A stream that was wiped or rewound answers XREAD with silence, one that is cut
                # off does not answer at all: look at its top before waiting for it.
                async with asyncio.timeout(PROBE_SECONDS):
                    self._doubtful = await self._stream.top() < cursor
            if self._doubtful:
                return None
            async with asyncio.timeout(block_seconds + PROBE_SECONDS):
                found = await self._stream.read(cursor, block_seconds=block_seconds)
        except (RedisError, OSError) as error:
            self._doubtful = True
            log.warning("stream_unavailable", producer=self._producer, error=repr(error))
            return None
        run = _following(cursor, found)
        self._doubtful = bool(found) and not run
        return None if self._doubtful else run

    def _head_is_unknown(self) -> bool:
        """Tell whether the producer was not asked for its head for too long a silence."""
        return asyncio.get_running_loop().time() - self._asked_at >= HEAD_POLL_SECONDS

    async def _from_log(
        self, cursor: Place, wait_seconds: int
    ) -> tuple[list[Envelope], Lost | None]:
        replay = await self._log.read(cursor, wait_seconds=wait_seconds)
        self._asked_at = asyncio.get_running_loop().time()
        self._lag.hear(replay.head)
        # The stream did not have these: doubt it until its top has come as far as the cursor.
        self._doubtful = self._doubtful or bool(replay.events)
        return replay.events, self._ghosts(cursor, replay.resume_at) if replay.events else None

    def _ghosts(self, cursor: Place, resume_at: int) -> Lost | None:
        if resume_at > cursor.position:
            return None
        ghosts = Lost("ghosts", cursor.epoch, resume_at, cursor.position)
        ghosts_total.labels(self._producer).inc(ghosts.last - ghosts.first + 1)
        log.error("producer_lost_events", producer=self._producer, ghosts=ghosts)
        return ghosts

    async def _run_step(self) -> None:
        if not await self.step() and self._cursor is None:
            # Another replica works on this batch or has done it: start from where it left.
            await asyncio.sleep(BUSY_SECONDS)

    async def _run_retry(self) -> None:
        if not await self._effects.retry():
            await asyncio.sleep(RETRY_POLL_SECONDS)

    async def _repeat(self, work: Callable[[], Awaitable[None]], failure: str) -> None:
        pause = BACKOFF_SECONDS[0]
        while True:
            beat()
            try:
                await work()
                pause = BACKOFF_SECONDS[0]
                failing.labels(self._producer).set(0)
            except Exception as error:  # noqa: BLE001 — whatever fails, the cursor waits for it.
                level = log.warning if is_transient(error) else log.exception
                level(failure, producer=self._producer, error=repr(error))
                failing.labels(self._producer).set(1)
                await asyncio.sleep(pause)
                pause = min(pause * 2, BACKOFF_SECONDS[1])


def _following(cursor: Place, events: Sequence[Envelope | None]) -> list[Envelope]:
    """Return the leading events that follow the cursor without a gap, within its epoch.

    A newer epoch is left to the log: only the producer knows at which position it began.
    """
    run: list[Envelope] = []
    for event in events:
        place = event and (event.epoch, event.position)
        if event is None or place != (cursor.epoch, cursor.position + len(run) + 1):
            break
        run.append(event)
    return run
