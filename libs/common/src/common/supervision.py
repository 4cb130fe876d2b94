"""Background loops that are started again when they end or crash, and that show that they live.

A loop calls `beat()` whenever it has made a turn; one that stops doing so is stalled.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import structlog
from prometheus_client import Counter

from common.errors import Unavailable
from common.trace import bind

# Longer than the longest back-off (30 s) and the longest wait for work (20 s) together.
STALLED_SECONDS = 90.0
_FIRST_BACKOFF_SECONDS = 0.1
_LONGEST_BACKOFF_SECONDS = 30.0

CRASHES = Counter(
    "loop_restarts_total", "Background loops that ended and were restarted.", ["loop"]
)

log = structlog.get_logger()


@dataclass(slots=True)
class Pulse:
    """When a loop last made a turn, by the monotonic clock."""

    name: str
    beats: int = 0
    at: float = field(default_factory=time.monotonic)

    def beat(self) -> None:
        self.beats += 1
        self.at = time.monotonic()

    def stalled(self) -> bool:
        """Tell whether a loop that reports its turns has made none for too long."""
        return self.beats > 0 and time.monotonic() - self.at > STALLED_SECONDS


_pulse: ContextVar[Pulse | None] = ContextVar("pulse", default=None)


def beat() -> None:
    """Report a turn of the present loop; outside of one this does nothing."""
    pulse = _pulse.get()
    if pulse is not None:
        pulse.beat()


@asynccontextmanager
async def supervised(
    loops: Mapping[str, Callable[[], Awaitable[None]]],
) -> AsyncIterator[Sequence[Pulse]]:
    """Keep the loops running during the block, and end them with it.

    Args:
        loops: Functions that never return, by name.
    """
    pulses = [Pulse(name) for name in loops]
    tasks = [asyncio.create_task(_keep_running(pulse, loops[pulse.name])) for pulse in pulses]
    try:
        yield pulses
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def every(seconds: float, work: Callable[[], Awaitable[object]]) -> None:
    """Repeat small work for ever; what is unavailable now is left to the next turn.

    An outage is logged when it begins and when it is over, however many turns it takes.

    Args:
        seconds: The pause between two turns.
        work: One turn.
    """
    missed = 0
    while True:
        beat()
        try:
            await work()
        except Unavailable as error:
            if not missed:
                log.warning("turn_unavailable", loop=_loop(), reason=str(error))
            missed += 1
        else:
            if missed:
                log.info("turn_available", loop=_loop(), missed=missed)
            missed = 0
        await asyncio.sleep(seconds)


def _loop() -> str | None:
    pulse = _pulse.get()
    return pulse.name if pulse else None


async def _keep_running(pulse: Pulse, loop: Callable[[], Awaitable[None]]) -> None:
    _pulse.set(pulse)
    backoff = _FIRST_BACKOFF_SECONDS
    while True:
        started = time.monotonic()
        await _run_once(pulse.name, loop)
        if time.monotonic() - started > _LONGEST_BACKOFF_SECONDS:
            backoff = _FIRST_BACKOFF_SECONDS
        await asyncio.sleep(backoff)
        backoff = min(_LONGEST_BACKOFF_SECONDS, backoff * 2)
        # A restart is a sign of life too, but only of a loop that is known to give them.
        pulse.at = time.monotonic()


async def _run_once(name: str, loop: Callable[[], Awaitable[None]]) -> None:
    """Run a loop until it ends, which it should not, and say how it did."""
    try:
        with bind({}):
            await loop()
        log.error("loop_returned", loop=name)
    except Unavailable as error:
        log.warning("loop_unavailable", loop=name, reason=str(error))
    except Exception:
        log.exception("loop_crashed", loop=name)
    CRASHES.labels(name).inc()
