"""Somebody, or an older copy, puts something else where the streams were."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from redis.exceptions import ResponseError

from common.place import stream_key
from tests.chaos.harness.trial import Drill, Trial

HEALED_SECONDS: Final = 5.0
KEY: Final = stream_key("posts")


async def add_stray(trial: Trial) -> None:
    """An entry with an id of Redis's own, which is larger than any that will follow."""
    await trial.world.valkey.redis.xadd(KEY, {"event": "{}"})


async def add_foreign(trial: Trial) -> None:
    """An entry at the very place that an event will have in a moment, and of another content."""
    stray: Any = {"event": '{"epoch": 1}', "more": "x"}
    while True:
        epoch, position = (int(part) for part in (await _top(trial)).split("-"))
        # The event may be there by now: then the next moment is taken.
        with suppress(ResponseError):
            await trial.world.valkey.redis.xadd(KEY, stray, id=f"{epoch}-{position + 3}")
            return


async def replace_type(trial: Trial) -> None:
    """A value that is no stream."""
    await trial.world.valkey.redis.set(KEY, "not a stream")


async def trim(trial: Trial) -> None:
    """XTRIM MAXLEN 0: no entries, but the top stays."""
    await trial.world.valkey.redis.xtrim(KEY, maxlen=0, approximate=False)


async def delete(trial: Trial) -> None:
    """DEL."""
    await trial.world.valkey.redis.delete(KEY)


async def rename(trial: Trial) -> None:
    """RENAME: the stream is gone, and another is there under its name a moment later."""
    redis = trial.world.valkey.redis
    await redis.rename(KEY, "elsewhere")
    await asyncio.sleep(trial.random.random())
    await redis.rename("elsewhere", KEY)


async def rewind(trial: Trial) -> None:
    """The stream as it was some seconds ago, as a failover to a late replica leaves it."""
    redis = trial.world.valkey.redis
    copy: Any = await redis.dump(KEY)
    await asyncio.sleep(trial.either(30, 4))
    await redis.restore(KEY, 0, copy, replace=True)


def _damaging(damage: Callable[[Trial], Awaitable[None]]) -> Callable[[Trial], Awaitable[None]]:
    async def run(trial: Trial) -> None:
        trial.runs = int(trial.either(5, 2)) if damage is not rewind else 1
        async with trial.load():
            for _ in range(trial.runs):
                await damage(trial)
                await trial.recover(HEALED_SECONDS)
                await trial.expect_streams_to_follow(HEALED_SECONDS)
        trial.expect_no_failures()

    return run


async def _top(trial: Trial) -> str:
    info: Any = await trial.world.valkey.redis.xinfo_stream(KEY)
    return str(info["last-generated-id"].decode())


DRILLS: Final = tuple(
    Drill(name, "healed < 5 s", _damaging(damage))
    for name, damage in {
        "stray XADD *": add_stray,
        "foreign entry ahead of the top": add_foreign,
        "SET in place of the stream": replace_type,
        "XTRIM MAXLEN 0": trim,
        "DEL of the stream": delete,
        "RENAME and back": rename,
        "a copy of the stream 30 s old": rewind,
    }.items()
)
