"""The process that runs a service's loops beside its app: relay, consumers, safety nets.

A loop that ends or crashes is started again after a back-off; the others never notice.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping

import structlog
from prometheus_client import Counter

from common import liveness
from common.errors import Unavailable
from common.http.health import serve_health
from common.liveness import Pulse
from common.logs import configure
from common.platform import Platform
from common.settings import ServiceSettings
from common.trace import bind

# A loop beats at least each 30 s, the longest back-off, or each long poll of 20 s.
STALLED_SECONDS = 90.0
_FIRST_BACKOFF_SECONDS = 0.1
_LONGEST_BACKOFF_SECONDS = 30.0

CRASHES = Counter("worker_loop_crashes_total", "Loops that ended and were restarted.", ["loop"])

log = structlog.get_logger()


async def run_worker(
    service: str,
    settings: ServiceSettings,
    platform: Platform,
    loops: Mapping[str, Callable[[], Awaitable[None]]],
) -> None:
    """Run the loops until SIGTERM or SIGINT, and serve probes and metrics meanwhile.

    Args:
        service: Its name, for the logs.
        settings: Its settings; host and port are those of this process.
        platform: What readiness asks.
        loops: Functions that never return, by name; they call `liveness.beat()` each turn.
    """
    configure(settings, service)
    pulses = [Pulse(name) for name in loops]
    stop = _stop_signal()
    async with serve_health(settings, platform.database, lambda: _stalled(pulses)):
        tasks = [asyncio.create_task(_keep_running(pulse, loops[pulse.name])) for pulse in pulses]
        log.info("worker_started", loops=sorted(loops))
        try:
            await stop.wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            log.info("worker_stopped")


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _stalled(pulses: list[Pulse]) -> list[str]:
    return [pulse.name for pulse in pulses if pulse.silent_seconds() > STALLED_SECONDS]


async def _keep_running(pulse: Pulse, loop: Callable[[], Awaitable[None]]) -> None:
    liveness.pulse.set(pulse)
    while True:
        pulse.beat()
        started = asyncio.get_running_loop().time()
        await _run_once(pulse.name, loop)
        if asyncio.get_running_loop().time() - started > _LONGEST_BACKOFF_SECONDS:
            pulse.crashes = 0
        pulse.crashes += 1
        backoff = _FIRST_BACKOFF_SECONDS * 2 ** min(pulse.crashes - 1, 20)
        await asyncio.sleep(min(_LONGEST_BACKOFF_SECONDS, backoff))


async def _run_once(name: str, loop: Callable[[], Awaitable[None]]) -> None:
    """Run a loop until it ends, which it should not, and say how it did."""
    try:
        with bind({}):
            await loop()
        log.error("worker_loop_returned", loop=name)
    except Unavailable as error:
        log.warning("worker_loop_unavailable", loop=name, reason=str(error))
    except Exception:
        log.exception("worker_loop_crashed", loop=name)
    CRASHES.labels(name).inc()
