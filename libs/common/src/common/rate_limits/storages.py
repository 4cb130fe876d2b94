"""Where moving windows are kept: in Redis for all replicas, or in the memory of one process.

Both are backends of `limits`. Besides, they take an entry of many windows in one step, and drop the
newest one again where it has turned out not to count.
"""

import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.storage.redis.bridge import RedisBridge
from redis.asyncio import Redis
from redis.exceptions import NoScriptError

MOST_KEYS: Final = 20_000


class Window(NamedTuple):
    """A window: its key, how many entries it may have, and for how many seconds each counts."""

    key: str
    limit: int
    expiry: int


class SharedStorage(RedisStorage):
    """Windows in Redis.

    Args:
        client: Its pool is used; whoever opened it closes it.
    """

    # What it is derived from imports every client that it could use.
    DEPENDENCIES = {"redis": RedisStorage.DEPENDENCIES["redis"]}  # noqa: RUF012 — as it is there.

    def __init__(self, client: Redis) -> None:
        super().__init__(
            "redis://",
            implementation="redispy",
            connection_pool=client.connection_pool,  # type: ignore[arg-type]  # as documented.
        )
        self._client = client
        self._acquire = client.register_script(RedisBridge.SCRIPT_ACQUIRE_MOVING_WINDOW)

    async def acquire_all(self, windows: Sequence[Window]) -> list[bool]:
        """Add an entry to each window, if it may have one more; return for each whether it did.

        By what the library does for one, but in one transaction: a call of Redis costs more than
        what it does.
        """
        try:
            return await self._try_to_acquire(windows)
        except NoScriptError:
            await self._client.script_load(RedisBridge.SCRIPT_ACQUIRE_MOVING_WINDOW)
            return await self._try_to_acquire(windows)

    async def _try_to_acquire(self, windows: Sequence[Window]) -> list[bool]:
        now = time.time()
        async with self._client.pipeline() as pipe:
            for key, limit, expiry in windows:
                name = self.bridge.prefixed_key(key)
                pipe.evalsha(self._acquire.sha, 1, name, now, limit, expiry, 1)
            return [bool(acquired) for acquired in await pipe.execute()]

    async def drop_newest(self, keys: Iterable[str]) -> None:
        """Take the newest entry out of each of these windows."""
        async with self._client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.lpop(self.bridge.prefixed_key(key))
            await pipe.execute()


class LocalStorage(MemoryStorage):
    """Windows in memory, as many as `most`; who has not asked for the longest time is forgotten.

    What it is derived from keeps every key, and looks through all of them again and again.
    """

    def __init__(self, most: int = MOST_KEYS) -> None:
        super().__init__()
        self._most = most
        self._windows: dict[str, deque[float]] = {}

    async def acquire_all(self, windows: Sequence[Window]) -> list[bool]:
        """Add an entry to each window, if it may have one more; return for each whether it did."""
        return [await self.acquire_entry(*window) for window in windows]

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Add entries to a window, if there are not more than the limit then."""
        now = time.time()
        times = _since(self._windows.pop(key, deque()), now - expiry)
        acquired = len(times) + amount <= limit
        if acquired:
            times.extend([now] * amount)
        if times:
            while len(self._windows) >= self._most:
                del self._windows[next(iter(self._windows))]
            self._windows[key] = times
        return acquired

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """Return when the oldest entry of a window was added, and how many there are."""
        del limit  # A window has no more entries than that.
        now = time.time()
        times = _since(self._windows.get(key, deque()), now - expiry)
        return (times[0] if times else now), len(times)

    async def drop_newest(self, keys: Iterable[str]) -> None:
        """Take the newest entry out of each of these windows."""
        for key in keys:
            if self._windows.get(key):
                self._windows[key].pop()


def _since(times: deque[float], start: float) -> deque[float]:
    while times and times[0] < start:
        times.popleft()
    return times
