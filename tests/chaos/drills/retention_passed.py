"""A consumer comes back, or comes new, when the log no longer has what it needs: it rebuilds."""

import asyncio
from datetime import timedelta
from typing import Final

from common.clock import utc_now
from common.outbox import Retention
from common.outbox.retention import BATCH, KEEP_AT_MOST
from common.place import stream_key
from tests.chaos import tally
from tests.chaos.harness.ledger import Allowed
from tests.chaos.harness.trial import Drill, Trial
from tests.chaos.harness.world import PRODUCERS

CONVERGED_SECONDS: Final = 15.0
_FORGET_ALL: Final = "TRUNCATE effects, copied_posts, stream_cursor, lost_ranges"


async def come_back_late(trial: Trial) -> None:
    """The tally is down while everything it lacks goes past retention."""
    await _outlive_the_log(trial, new=False)


async def come_new(trial: Trial) -> None:
    """A tally that knows nothing joins when the beginning of the log is gone."""
    await _outlive_the_log(trial, new=True)


async def _outlive_the_log(trial: Trial, *, new: bool) -> None:
    world = trial.world
    trial.allowed = Allowed(skipped=True)
    while world.children:
        await world.children.pop().end()
    async with trial.load():
        await asyncio.sleep(trial.either(10, 4))
    await world.caught_up(seconds=30, but=tally.NAME)
    for producer in PRODUCERS:
        await _let_time_pass(trial, producer)
    if new:
        await world.fetch(tally.NAME, _FORGET_ALL)
    async with trial.load():
        await world.start_tally()
        await trial.recover(CONVERGED_SECONDS, "converged")
        await asyncio.sleep(trial.either(5, 2))
    trial.expect_no_failures()
    skipped = await trial.lost_ranges(tally.NAME, "skipped")
    trial.expect(skipped >= len(PRODUCERS), f"{skipped} skipped ranges were reported")


async def _let_time_pass(trial: Trial, producer: str) -> None:
    """Let retention do its work with the clock of a month later, and streams be cut as long."""
    await trial.world.valkey.redis.xtrim(stream_key(producer), maxlen=0, approximate=False)
    later = utc_now() + KEEP_AT_MOST + timedelta(days=1)
    async with trial.world.database(producer) as database:
        while await Retention(database).forget(now=later) == BATCH:
            pass


DRILLS: Final = (
    Drill(
        "a consumer down past retention",
        "converged < 15 s; skipped reactions reported",
        come_back_late,
    ),
    Drill(
        "a new consumer under load, the log's beginning gone",
        "converged < 15 s; skipped reactions reported",
        come_new,
    ),
)
