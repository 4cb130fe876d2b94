"""Events that cannot take effect: their keys wait in order, and nobody else does."""

import asyncio
from typing import Final

from common.clock import utc_now
from common.ids import new_id
from common.streams.operations import list_parked, retry_parked, skip_parked
from common.streams.tables import ParkedEvent
from tests.chaos import tally
from tests.chaos.harness.ledger import Allowed
from tests.chaos.harness.servers import until
from tests.chaos.harness.trial import Drill, Trial, now

POISONED_SHARE: Final = 0.01
MALFORMED: Final = 3
OTHERS_SECONDS: Final = 1.0
EMPTIED_SECONDS: Final = 10.0
REASON: Final = "A drill wrote it; it breaks its contract."
_MALFORMED_EVENT: Final = """
    INSERT INTO outbox (event_id, type, key, payload, headers)
    VALUES ($1::uuid, 'posts.post_published.v1', $1::uuid::text, '{"post_id": "no"}', '{}')
"""
_MALFORMED_PARKED: Final = """
    SELECT count(*) FROM parked_events
     WHERE envelope->'payload'->>'post_id' = 'no' AND skipped_at IS NULL
"""
_WAITING: Final = "SELECT DISTINCT key FROM parked_events WHERE skipped_at IS NULL"


async def poison(trial: Trial) -> None:
    """A bug in the tally's handler for 1 % of keys, and events that break their contract."""
    world = trial.world
    trial.allowed = Allowed(out_of_order=True)
    async with trial.load(POISONED_SHARE) as record:
        began = now()
        malformed = [new_id() for _ in range(MALFORMED)]
        for event_id in malformed:
            await asyncio.sleep(trial.either(5, 1))
            await world.fetch("posts", _MALFORMED_EVENT, event_id)
        await asyncio.sleep(2)
        others = await trial.delay(0.99, since=began, until=now() - OTHERS_SECONDS)
        waiting = {row["key"] for row in await world.fetch(tally.NAME, _WAITING)}
        await world.fetch(tally.NAME, "INSERT INTO fixes (id) VALUES (1)")
        emptied = await _mend(trial)
        trial.note_recovery(emptied, EMPTIED_SECONDS, "the queue is empty")
        await trial.recover(EMPTIED_SECONDS)
    await world.fetch(tally.NAME, "DELETE FROM fixes")
    trial.expect_no_failures()
    expected = {*map(str, malformed), *record.poisoned}
    trial.expect(len(record.poisoned) > 0, "no post was poisoned")
    trial.expect(waiting <= expected, f"keys wait that have not failed: {waiting - expected}")
    trial.expect(others < OTHERS_SECONDS, f"the others took {others:.2f} s (p99)")


async def _mend(trial: Trial) -> float:
    """Do what an operator does: let go what breaks its contract, retry the rest."""
    for consumer in (tally.NAME, "notifier"):
        await _until_parked(trial, consumer)
        async with trial.world.database(consumer) as mine, mine.transaction() as session:
            parked = await list_parked(
                session, producer="posts", key=None, skipped=False, after=None, limit=1000
            )
            for event_id in (each.event.event_id for each in parked if _is_malformed(each.event)):
                await skip_parked(
                    session, producer="posts", event_id=event_id, reason=REASON, now=utc_now()
                )
            await retry_parked(session, producer="posts", event_id=None, key=None, now=utc_now())

    async def nothing_waits() -> bool:
        return not await trial.world.fetch(tally.NAME, _WAITING)

    return await until(nothing_waits, seconds=60, what="the queue is empty")


async def _until_parked(trial: Trial, consumer: str) -> None:
    async def all_are() -> bool:
        rows = await trial.world.fetch(consumer, _MALFORMED_PARKED)
        return int(rows[0][0]) == MALFORMED

    await until(all_are, seconds=60, what=f"{consumer} parked what breaks its contract")


def _is_malformed(event: ParkedEvent) -> bool:
    return bool(event.envelope["payload"].get("post_id") == "no")


DRILLS: Final = (
    Drill(
        "poison: a handler's bug for 1 % of keys, broken contracts",
        "others < 1 s (p99); queue empty < 10 s after the fix",
        poison,
    ),
)
