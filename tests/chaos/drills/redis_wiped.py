"""Redis forgets everything at random moments; nobody has to notice."""

import asyncio
from typing import Final

from tests.chaos.harness.trial import Drill, Trial

WIPES: Final = 20


async def wipe_under_load(trial: Trial) -> None:
    """FLUSHALL again and again, at random intervals, while everybody writes."""
    trial.runs = WIPES
    seconds = trial.either(60, 4)
    async with trial.load():
        for _ in range(WIPES):
            await asyncio.sleep(2 * seconds / WIPES * trial.random.random())
            await trial.world.valkey.redis.flushall()
        await trial.recover(within=5)
    trial.expect_no_failures()


async def wipe_then_silence(trial: Trial) -> None:
    """FLUSHALL just as the last write is acknowledged; no later event tells that one is missing."""
    async with trial.load():
        await asyncio.sleep(trial.either(5, 2))
    await trial.world.valkey.redis.flushall()
    await trial.recover(within=10)
    trial.expect_no_failures()


DRILLS: Final = (
    Drill("FLUSHALL 20 times under load", "complete < 5 s after the last", wipe_under_load),
    Drill("FLUSHALL, then silence", "complete < 10 s", wipe_then_silence),
)
