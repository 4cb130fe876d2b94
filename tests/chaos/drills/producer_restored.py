"""A producer's database goes back in time: consumers know of facts that it no longer does."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from tests.chaos import tally
from tests.chaos.harness.ledger import Allowed
from tests.chaos.harness.servers import until
from tests.chaos.harness.trial import Drill, Trial, now

ALARM_SECONDS: Final = 60.0
# deploy/prometheus/alerts.yaml
ALARM: Final = 'colonnade_lost_range_timestamp_seconds{kind="ghosts",producer="posts"}'
CONSUMERS: Final = (tally.NAME, "notifier")


async def restore_base_backup(trial: Trial) -> None:
    """Put a base backup in the place of posts' data."""
    posts, backup = trial.world.posts, trial.world.folder / "backup"
    await _restore(trial, lambda: posts.back_up(backup), lambda: posts.restore(backup))


async def restore_dump(trial: Trial) -> None:
    """Replace posts' database by a logical dump of it, in the same running server."""
    posts, file = trial.world.posts, trial.world.folder / "posts.dump"
    await _restore(trial, lambda: posts.dump(file), lambda: posts.restore_dump(file))


async def _restore(
    trial: Trial, save: Callable[[], Awaitable[None]], restore: Callable[[], Awaitable[None]]
) -> None:
    epoch = await _epoch(trial)
    async with trial.load():
        began = now()
        await save()
        await asyncio.sleep(trial.either(30, 5))
        await restore()
        restored = now()
        trial.allowed = Allowed(rolled_back=(began, restored))
        await trial.recover(within=ALARM_SECONDS, what="ghosts recorded, all caught up")
        alarmed = await _alarm_seconds(trial, restored)
        trial.note_recovery(alarmed, ALARM_SECONDS, "the alarm's metric says so")
    for consumer in CONSUMERS:
        found = await trial.lost_ranges(consumer, "ghosts")
        trial.expect(found > 0, f"{consumer} recorded no ghosts")
    trial.expect(await _epoch(trial) > epoch, "no new epoch was opened")


async def _alarm_seconds(trial: Trial, restored: float) -> float:
    """Wait until notifier shows what the alert rule of ghosts looks at; return how long it took."""

    async def shown() -> bool:
        found = await asyncio.to_thread(trial.world.metric, "notifier-worker", ALARM)
        return found > restored

    await until(shown, seconds=ALARM_SECONDS, what="notifier shows its ghosts")
    return now() - restored


async def _epoch(trial: Trial) -> int:
    return int(await trial.world.fetchval("posts", "SELECT epoch FROM stream_head"))


DRILLS: Final = (
    Drill(
        "posts' database restored from a base backup",
        "new epoch; ghosts recorded < 60 s",
        restore_base_backup,
    ),
    Drill(
        "posts' database restored from a logical dump",
        "new epoch; ghosts recorded < 60 s",
        restore_dump,
    ),
)
