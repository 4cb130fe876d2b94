"""Transactions that stay open: one commits its event late, one only sits there."""

import asyncio
from typing import Final

from common.ids import new_id
from tests.chaos import tally
from tests.chaos.harness.trial import Drill, Trial, now

OTHERS_SECONDS: Final = 1.0
_LATE: Final = """
    INSERT INTO outbox (event_id, type, key, payload, headers)
    VALUES ($1, 'posts.post_deleted.v1', $2::text,
            jsonb_build_object('post_id', $2::text, 'author_id', $2::text), '{}')
"""


async def commit_late(trial: Trial) -> None:
    """An outbox row that others overtake for a minute, beside a session idle in a transaction."""
    event_id = new_id()
    async with trial.load(), trial.world.sql("posts") as idle, trial.world.sql("posts") as late:
        began = now()
        sitting, open_ = idle.transaction(), late.transaction()
        await sitting.start()
        await idle.fetch("SELECT count(*) FROM event_log")
        await open_.start()
        await late.execute(_LATE, event_id, str(new_id()))
        await asyncio.sleep(trial.either(60, 6))
        await open_.commit()
        await trial.recover(within=3)
        await asyncio.sleep(trial.either(240, 2))
        delay = await trial.delay(0.5, since=began, until=now() - OTHERS_SECONDS)
        await sitting.rollback()
    trial.expect_no_failures()
    query = "SELECT count(*) FROM effects WHERE event_id = $1"
    times = await trial.world.fetchval(tally.NAME, query, event_id)
    trial.expect(times == 1, f"the late event took effect {times} times")
    trial.expect(delay < OTHERS_SECONDS, f"the others took {delay:.2f} s (p50)")


DRILLS: Final = (
    Drill(
        "outbox row committed 60 s late; session idle in a transaction",
        "delivered < 3 s; others not delayed",
        commit_late,
    ),
)
