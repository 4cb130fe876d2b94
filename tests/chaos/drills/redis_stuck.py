"""Redis is there and does not answer: frozen, cut off, half gone, or full."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from tests.chaos.harness.trial import Drill, Trial, now

# Deadline of a request (10 s), and what the gateway and this process add to it.
DEADLINE_SECONDS: Final = 10.5
# DESIGN 3: without Redis an event takes at most this long.
BY_HTTP_SECONDS: Final = 2.0
RESUME_SECONDS: Final = 5.0

type Fault = Callable[[Trial], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def frozen(trial: Trial) -> AsyncIterator[None]:
    """SIGSTOP."""
    trial.world.valkey.freeze()
    try:
        yield
    finally:
        trial.world.valkey.thaw()


@asynccontextmanager
async def full(trial: Trial) -> AsyncIterator[None]:
    """Every write is refused for want of memory."""
    redis = trial.world.valkey.redis
    await redis.config_set("maxmemory", 1)
    try:
        yield
    finally:
        await redis.config_set("maxmemory", 0)


def by_proxy(fault: Callable[[Trial], None]) -> Fault:
    """Return a fault of the network between the services and Redis."""

    @asynccontextmanager
    async def faulty(trial: Trial) -> AsyncIterator[None]:
        fault(trial)
        try:
            yield
        finally:
            trial.world.proxy.heal()

    return faulty


async def _stick(trial: Trial, fault: Fault) -> None:
    async with trial.load() as record:
        async with fault(trial):
            began = now()
            await asyncio.sleep(trial.either(12, 8))
            # The loops must not hang: what was committed early in the fault is everywhere by now.
            since, until = began + BY_HTTP_SECONDS, now() - BY_HTTP_SECONDS
            delay = await trial.delay(0.99, since=since, until=until)
        await trial.recover(RESUME_SECONDS)
        await trial.expect_streams_to_follow(RESUME_SECONDS)
    trial.expect_no_failures()
    trial.expect(record.slowest <= DEADLINE_SECONDS, f"a request took {record.slowest:.1f} s")
    trial.expect(delay > 0, f"no event took effect during the fault (p99 {delay:.2f} s)")


def _drill(name: str, fault: Fault) -> Drill:
    async def run(trial: Trial) -> None:
        await _stick(trial, fault)

    return Drill(name, "no hung loop; no request past its deadline; resume < 5 s", run)


DRILLS: Final = (
    _drill("Redis stopped (SIGSTOP)", frozen),
    _drill("Redis black-holed", by_proxy(lambda trial: trial.world.proxy.black_hole())),
    _drill("Redis half-open", by_proxy(lambda trial: trial.world.proxy.half_open())),
    _drill("Redis resets connections", by_proxy(lambda trial: trial.world.proxy.reset())),
    _drill("Redis cut off", by_proxy(lambda trial: trial.world.proxy.cut())),
    _drill("Redis 200 ms away", by_proxy(lambda trial: trial.world.proxy.slow_down(0.2))),
    _drill("Redis at maxmemory", full),
)
