"""Workers are killed at any moment of their work: relays, consumers, and the tally itself."""

import asyncio
import os
from contextlib import suppress
from signal import SIGKILL
from typing import Final

from tests.chaos.harness.servers import Child
from tests.chaos.harness.trial import Drill, Trial

WORKERS: Final = ("auth", "users", "posts", "notifier")


async def kill_workers(trial: Trial) -> None:
    """Kill one process after the other; where it was in its work is left to chance."""
    world = trial.world
    trial.runs = int(trial.either(40, 12))
    tallies = list(world.children)
    async with trial.load():
        for number in range(trial.runs):
            if number % 3:
                # The stack starts it again.
                _kill(world.pid(f"{trial.random.choice(WORKERS)}-worker"))
            else:
                await _replace_tally(trial, tallies)
            await asyncio.sleep(2 * trial.random.random())
        for service in WORKERS:
            await world.pid_when_ready(f"{service}-worker")
        await trial.recover(within=3)
    trial.expect_no_failures()


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        if pid:
            os.kill(pid, SIGKILL)


async def _replace_tally(trial: Trial, tallies: list[Child]) -> None:
    """Kill the tally and start another."""
    while tallies:
        await tallies.pop().end(SIGKILL)
    tallies.append(await trial.world.start_tally())


DRILLS: Final = (Drill("kill -9 of relays and consumers", "catch-up < 3 s", kill_workers),)
