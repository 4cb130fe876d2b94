"""A worker stops as if its machine hung: it keeps its connections and locks, and answers nothing.

Others take over once PostgreSQL has ended its sessions; when it goes on, it must do no harm.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from signal import SIGCONT, SIGSTOP
from typing import Final

from tests.chaos.harness.moments import assigning, outside_transactions, stop_at
from tests.chaos.harness.servers import Child
from tests.chaos.harness.trial import Drill, Trial

TAKEOVER_SECONDS: Final = 10.0


async def freeze_relay(trial: Trial) -> None:
    """Stop a relay of posts that has locked the head and one that is idle; a third takes over."""
    trial.runs = 2
    async with _extra_workers(trial, 2) as (idle, _), trial.load():
        busy = await trial.world.pid_when_ready("posts-worker")
        await stop_at(trial, idle.pid, outside_transactions(trial, "posts", idle.pid), "idle")
        await stop_at(trial, busy, assigning(trial, "posts", busy), "in a transaction")
        try:
            await trial.recover(TAKEOVER_SECONDS, "takeover")
            await asyncio.sleep(trial.either(60, 10))
        finally:
            for pid in (busy, idle.pid):
                os.kill(pid, SIGCONT)
        await trial.recover(TAKEOVER_SECONDS, "after going on")
    trial.expect_no_failures()


async def five_at_once(trial: Trial) -> None:
    """Five workers of posts and three tallies at the same time, frozen in turns."""
    trial.runs = 5
    tallies = [await trial.world.start_tally() for _ in range(2)]
    async with _extra_workers(trial, 4) as workers, trial.load():
        for worker in (*workers, tallies[0]):
            os.kill(worker.pid, SIGSTOP)
            await asyncio.sleep(trial.either(2, 1))
            os.kill(worker.pid, SIGCONT)
        await trial.recover(TAKEOVER_SECONDS)
    for each in tallies:
        await each.end()
    trial.expect_no_failures()


@asynccontextmanager
async def _extra_workers(trial: Trial, count: int) -> AsyncIterator[list[Child]]:
    """Start them before the load: beside it each takes four times as long."""
    workers = [await trial.world.start_worker("posts") for _ in range(count)]
    try:
        yield workers
    finally:
        for worker in workers:
            await worker.end()


DRILLS: Final = (
    Drill("SIGSTOP of a relay, in a transaction and idle", "takeover < 10 s", freeze_relay),
    Drill("five workers and three tallies at once", "positions contiguous", five_at_once),
)
