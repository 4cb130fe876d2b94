"""The process that runs a service's loops beside its app: relay, consumers, safety nets."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping

import structlog

from common.http.health import serve_health
from common.logs import configure
from common.platform import Platform
from common.settings import ServiceSettings
from common.supervision import supervised
from common.telemetry import open_telemetry

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
        loops: Functions that never return, by name; they call `supervision.beat()` each turn.
    """
    configure(settings, service)
    stop = _stop_signal()
    async with open_telemetry(settings, service, "worker"), supervised(loops) as pulses:

        def stalled() -> list[str]:
            return [pulse.name for pulse in pulses if pulse.stalled()]

        async with serve_health(settings, platform.database, stalled):
            log.info("worker_started", loops=sorted(loops))
            await stop.wait()
    log.info("worker_stopped")


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
