"""Redis is gone for good and comes back empty: events flow by HTTP meanwhile."""

import asyncio
from typing import Final

from tests.chaos.harness.trial import Drill, Trial, now

# The first events after the kill pay for finding out; the promise is about the time after that.
NOTICE_SECONDS: Final = 2.0


async def redis_away(trial: Trial) -> None:
    """Kill Redis with all its data, start an empty one after a while."""
    valkey = trial.world.valkey
    async with trial.load():
        await valkey.kill()
        killed = now()
        await asyncio.sleep(trial.either(120, 15))
        back = now()
        await valkey.start()
        await trial.recover(within=5)
        await _expect_streams_again(trial)
    trial.expect_no_failures()
    delay = await trial.delay(0.99, since=killed + NOTICE_SECONDS, until=back)
    trial.expect(delay < 2, f"p99 from commit to effect by HTTP is {delay:.2f} s")


async def _expect_streams_again(trial: Trial) -> None:
    """Expect that delays are again those of the stream, without anybody's help."""
    await asyncio.sleep(3)
    since = now()
    await asyncio.sleep(3)
    by_stream = await trial.delay(0.5, since=since, until=now())
    trial.expect(by_stream < 1, f"p50 from commit to effect is {by_stream:.2f} s with Redis back")


DRILLS: Final = (
    Drill(
        "Redis killed, away for 2 min, back empty",
        "API 5xx = 0; events by HTTP p99 < 2 s",
        redis_away,
    ),
)
