"""Workers are killed at the worst moments of their work, and at any other."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from signal import SIGKILL
from typing import Final

from tests.chaos import tally
from tests.chaos.harness.moments import (
    Moment,
    between_appends,
    in_transaction,
    outside_transactions,
    stop_at,
    unpublished,
)
from tests.chaos.harness.servers import Child
from tests.chaos.harness.trial import Drill, Trial

WORKERS: Final = ("auth", "users", "posts", "notifier")
CATCH_UP_SECONDS: Final = 3.0


def _kill_relay_at(find: Callable[[Trial, str], Moment]) -> Drill:
    async def run(trial: Trial) -> None:
        world, pid = trial.world, 0
        trial.runs = int(trial.either(4, 2))
        async with trial.load():
            for _ in range(trial.runs):
                pid = await world.pid_when_ready("posts-worker", after=pid)
                await stop_at(trial, pid, find(trial, "posts"), find.__name__)
                os.kill(pid, SIGKILL)
                await world.pid_when_ready("posts-worker", after=pid)
                await trial.recover(CATCH_UP_SECONDS)
        trial.expect_no_failures()

    name = find.__name__.replace("_", " ")
    return Drill(f"kill -9 of a relay: {name}", "catch-up < 3 s", run)


async def kill_consumer_before_commit(trial: Trial) -> None:
    """End the tally while it has effects that are not committed."""
    await _kill_tally(trial, lambda pid: in_transaction(trial, tally.NAME, pid, writing=True))


async def kill_consumer_after_commit(trial: Trial) -> None:
    """End the tally when its effects are committed and it has not begun the next batch."""
    await _kill_tally(trial, lambda pid: outside_transactions(trial, tally.NAME, pid))


async def _kill_tally(trial: Trial, find: Callable[[int], Moment]) -> None:
    trial.runs = int(trial.either(4, 2))
    async with trial.load():
        for _ in range(trial.runs):
            child = trial.world.children.pop()
            await stop_at(trial, child.pid, find(child.pid), "the tally's transaction")
            await child.end(SIGKILL)
            await trial.world.start_tally()
            await trial.recover(CATCH_UP_SECONDS)
    trial.expect_no_failures()


async def kill_any(trial: Trial) -> None:
    """Kill one process after the other; where it was in its work is left to chance."""
    world = trial.world
    trial.runs = int(trial.either(20, 8))
    killed = dict.fromkeys(WORKERS, 0)
    async with trial.load():
        for number in range(trial.runs):
            if number % 3:
                # The stack starts it again.
                service = trial.random.choice(WORKERS)
                killed[service] = _kill(world.pid(f"{service}-worker")) or killed[service]
            else:
                await _replace_tally(trial, world.children)
            await asyncio.sleep(1.5 * trial.random.random())
        for service, pid in killed.items():
            await world.pid_when_ready(f"{service}-worker", after=pid)
        await trial.recover(CATCH_UP_SECONDS)
    trial.expect_no_failures()


def _kill(pid: int) -> int:
    """Kill a process; return its id, 0 when there was none."""
    with suppress(ProcessLookupError):
        if pid:
            os.kill(pid, SIGKILL)
            return pid
    return 0


async def _replace_tally(trial: Trial, tallies: list[Child]) -> None:
    """Kill the tally and start another."""
    while tallies:
        await tallies.pop().end(SIGKILL)
    await trial.world.start_tally()


DRILLS: Final = (
    _kill_relay_at(unpublished),
    _kill_relay_at(between_appends),
    Drill("kill -9 of a consumer before its commit", "catch-up < 3 s", kill_consumer_before_commit),
    Drill("kill -9 of a consumer after its commit", "catch-up < 3 s", kill_consumer_after_commit),
    Drill("kill -9 of relays and consumers at random", "catch-up < 3 s", kill_any),
)
