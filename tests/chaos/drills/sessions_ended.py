"""Sessions of the database end at random, as a pooler or an operator ends them."""

import asyncio
from typing import Final

from tests.chaos.harness.trial import Drill, Trial, now

GRACE_SECONDS: Final = 2.0
SHARE: Final = 0.2
_SESSIONS: Final = """
    SELECT pid FROM pg_stat_activity
     WHERE backend_type = 'client backend' AND usename <> 'postgres'
"""


async def end_sessions(trial: Trial) -> None:
    """End a fifth of all sessions of services each second."""
    trial.runs = int(trial.either(30, 8))
    async with trial.load():
        for _ in range(trial.runs):
            await asyncio.gather(*(_end_some(trial, each) for each in ("posts", "users")))
            await asyncio.sleep(1)
        ended = now()
        await trial.recover(within=5)
        await asyncio.sleep(GRACE_SECONDS + 2)
    trial.expect_no_failures(since=ended + GRACE_SECONDS)


async def _end_some(trial: Trial, service: str) -> None:
    """End some sessions of the server on which a service has its schema."""
    pids = [row["pid"] for row in await trial.world.fetch(service, _SESSIONS)]
    chosen = [pid for pid in pids if trial.random.random() < SHARE]
    query = "SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid"
    await trial.world.fetch(service, query, chosen)


DRILLS: Final = (
    Drill(
        "20 % of database sessions ended each second",
        "no 5xx 2 s after the last; caught up < 5 s",
        end_sessions,
    ),
)
