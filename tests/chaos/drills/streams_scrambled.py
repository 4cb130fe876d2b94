"""Entries come twice, late and in another order; consumers are many, and are sent back to zero."""

import asyncio
import os
from collections.abc import Sequence
from signal import SIGCONT, SIGSTOP, Signals
from typing import Any, Final

from common.place import stream_key
from common.streams.operations import rewind_cursor
from tests.chaos import tally
from tests.chaos.harness.trial import Drill, Trial
from tests.chaos.harness.world import CONSUMES

HEALED_SECONDS: Final = 5.0
REWOUND_SECONDS: Final = 30.0
KEY: Final = stream_key("posts")


async def scramble(trial: Trial) -> None:
    """Rewrite what two replicas have yet to read: repeated, exchanged, and the last kept back."""
    trial.runs = int(trial.either(10, 2))
    second = await trial.world.start_tally()
    async with trial.load():
        for _ in range(trial.runs):
            await _scramble_unread(trial)
            await trial.recover(HEALED_SECONDS)
            await trial.expect_streams_to_follow(HEALED_SECONDS)
    await second.end()
    trial.world.children.remove(second)
    trial.expect_no_failures()


async def rewind(trial: Trial) -> None:
    """Send every consumer of the services back to the beginning while everybody writes."""
    world = trial.world
    async with trial.load():
        await asyncio.sleep(trial.either(5, 3))
        for consumer, producers in CONSUMES.items():
            # The tally counts what is applied: a rewind would have it count again.
            for producer in producers if consumer != tally.NAME else ():
                async with world.database(consumer) as mine, mine.transaction() as session:
                    await rewind_cursor(session, producer=producer, position=0)
        await trial.recover(REWOUND_SECONDS)
    trial.expect_no_failures()
    await asyncio.sleep(2)
    rows = await world.fetchval("notifier", "SELECT count(*) FROM emails")
    received = await asyncio.to_thread(world.mails)
    trial.expect(received == rows, f"{received} mails came for {rows} that were asked for")


async def _scramble_unread(trial: Trial) -> None:
    """Do it while the readers stand still, so that they have these entries before them."""
    redis, pids = trial.world.valkey.redis, [child.pid for child in trial.world.children]
    _signal(pids, SIGSTOP)
    try:
        await asyncio.sleep(1)
        entries: Any = await redis.xrevrange(KEY, count=100)
        ids = [entry_id for entry_id, _ in reversed(entries)]
        contents = [fields for _, fields in entries]
        trial.random.shuffle(contents)
        late = trial.random.randint(0, 5)
        async with redis.pipeline(transaction=True) as scrambled:
            scrambled.delete(KEY)
            for entry_id in ids[: len(ids) - late]:
                content = trial.random.choice([contents[0], contents.pop()])
                scrambled.xadd(KEY, content, id=entry_id)
            await scrambled.execute()
    finally:
        _signal(pids, SIGCONT)


def _signal(pids: Sequence[int], signal: Signals) -> None:
    for pid in pids:
        os.kill(pid, signal)


# What a rewind takes grows with the log: it comes first.
DRILLS: Final = (
    Drill("every consumer rewound to 0 under load", "0 doubled; 0 new mails", rewind),
    Drill(
        "entries duplicated, late and reordered; two replicas",
        "0 doubled; healed < 5 s",
        scramble,
    ),
)
