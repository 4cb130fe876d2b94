"""Everything ends at once, as when the power fails, and starts again in any order."""

import asyncio
import os
from contextlib import suppress
from signal import SIGKILL, SIGQUIT
from typing import Final

from tests.chaos.harness.trial import Drill, Trial

READY_SECONDS: Final = 30.0


async def kill_everything(trial: Trial) -> None:
    """Kill servers and processes together; servers come back in random order."""
    world = trial.world
    async with trial.load():
        killed = {each["name"]: each["pid"] or 0 for each in world.stack.board()["processes"]}
        for pid in filter(None, killed.values()):
            with suppress(ProcessLookupError):
                os.kill(pid, SIGKILL)
        tallies = list(world.children)
        ends = (world.main.stop(SIGQUIT), world.posts.stop(SIGQUIT), world.valkey.kill())
        await asyncio.gather(*ends, *(each.end(SIGKILL) for each in tallies))
        starts = [world.main.start, world.posts.start, world.valkey.start]
        trial.random.shuffle(starts)
        for start in starts:
            await asyncio.sleep(2 * trial.random.random())
            await start()
        began = asyncio.get_running_loop().time()
        await world.start_tally()
        for name, pid in killed.items():
            await world.pid_when_ready(name, after=pid)
        ready = asyncio.get_running_loop().time() - began
        trial.note_recovery(ready, READY_SECONDS, "everything is ready")
        await trial.recover(READY_SECONDS)


DRILLS: Final = (
    Drill("everything killed at once", "ready < 30 s; no manual step", kill_everything),
)
