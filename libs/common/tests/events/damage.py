"""What may happen to a stream: everything that Redis, its operators or an intruder can do to it."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from common.place import Place
from libs.common.tests.events.bench import STREAM


async def _wipe(redis: Redis) -> None:
    await redis.flushdb()


async def _forget_scripts(redis: Redis) -> None:
    await redis.script_flush()


async def _rename(redis: Redis) -> None:
    if await redis.exists(STREAM):
        await redis.rename(STREAM, "elsewhere")


async def _foreign_type(redis: Redis) -> None:
    await redis.set(STREAM, "not a stream")


async def _trim_all(redis: Redis) -> None:
    await redis.xtrim(STREAM, maxlen=0, approximate=False)


async def _trim(redis: Redis) -> None:
    await redis.xtrim(STREAM, maxlen=2, approximate=False)


async def _cut_tail(redis: Redis) -> None:
    entries: Any = await redis.xrange(STREAM)
    await redis.delete(STREAM)
    for entry_id, fields in entries[: len(entries) // 2]:
        await redis.xadd(STREAM, fields, id=entry_id)


async def _delete_middle(redis: Redis) -> None:
    entries: Any = await redis.xrange(STREAM)
    if entries:
        await redis.xdel(STREAM, entries[len(entries) // 2][0])


async def _stray(redis: Redis) -> None:
    await redis.xadd(STREAM, {"event": "nonsense"})


async def _largest_id(redis: Redis) -> None:
    await redis.xadd(STREAM, {"event": "nonsense"}, id=f"{2**64 - 1}-{2**64 - 1}")


async def _plausible_id(redis: Redis) -> None:
    await redis.xadd(STREAM, {"event": b'{"position": \xff'}, id=await _next_id(redis))


async def _plausible_id_other_event(redis: Redis) -> None:
    entries: Any = await redis.xrange(STREAM, count=1)
    if entries:
        await redis.xadd(STREAM, entries[0][1], id=await _next_id(redis))


async def _skip_ids(redis: Redis) -> None:
    if await redis.exists(STREAM):
        await redis.execute_command("XSETID", STREAM, await _next_id(redis, by=2))  # type: ignore[no-untyped-call] # redis has no types here.


async def _next_id(redis: Redis, by: int = 1) -> str:
    info: Any = await redis.xinfo_stream(STREAM)
    top = Place.parse(info["last-generated-id"].decode()) or Place(1, 1)
    return f"{top.epoch}-{top.position + by}"


type Damage = Callable[[Redis], Awaitable[None]]

# Those after which entries may be missing below a top that the log knows: who reads the stream
# finds a gap and asks the log, so the relay need not look for it.
HOLES: Final[dict[str, Damage]] = {"delete an entry in the middle": _delete_middle}
DAMAGES: Final[dict[str, Damage]] = {
    "wipe": _wipe,
    "forget scripts": _forget_scripts,
    "rename": _rename,
    "another type": _foreign_type,
    "trim all": _trim_all,
    "trim": _trim,
    "cut the tail": _cut_tail,
    "add a stray entry": _stray,
    "add the largest id": _largest_id,
    "add an entry under a plausible id": _plausible_id,
    "add another event under a plausible id": _plausible_id_other_event,
    "skip ids": _skip_ids,
    **HOLES,
}


async def damage(redis: Redis, kind: str) -> None:
    """Do it, as far as what is there lets it be done."""
    try:
        await DAMAGES[kind](redis)
    except RedisError:
        # A key of another type, or ids that cannot rise: damaged as much as can be.
        return


async def copy_stream(redis: Redis) -> bytes | None:
    """Return the stream as it is, for `put_back`."""
    copy: bytes | None = await redis.dump(STREAM)
    return copy


async def put_back(redis: Redis, copy: bytes) -> None:
    """Replace the stream by a copy of an earlier time."""
    await redis.restore(STREAM, 0, copy, replace=True)
