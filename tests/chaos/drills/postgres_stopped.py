"""PostgreSQL ends without a goodbye and recovers from its log: what it acknowledged it kept."""

import asyncio
from signal import SIGQUIT
from typing import Final

from tests.chaos.harness.trial import Drill, Trial, now

# DESIGN 9: requests fail for as long as the restart takes, and at most this much longer.
GRACE_SECONDS: Final = 2.0


async def stop_immediately(trial: Trial) -> None:
    """Stop both servers as `pg_ctl stop -m immediate` does, and start them after a moment."""
    servers = (trial.world.main, trial.world.posts)
    trial.runs = int(trial.either(3, 2))
    async with trial.load() as record:
        for _ in range(trial.runs):
            stopped = now()
            await asyncio.gather(*(server.stop(SIGQUIT) for server in servers))
            await asyncio.sleep(2 * trial.random.random())
            await asyncio.gather(*(server.start() for server in servers))
            started = now()
            await trial.recover(within=10)
            await asyncio.sleep(3)
            trial.expect_no_failures(started + GRACE_SECONDS, now())
            trial.expect(bool(record.failures(stopped, started)), "nothing failed: no fault")


DRILLS: Final = (
    Drill(
        "PostgreSQL stopped immediate and started",
        "5xx window <= restart + 2 s; caught up < 10 s",
        stop_immediately,
    ),
)
