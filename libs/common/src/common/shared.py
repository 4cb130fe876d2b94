"""What is the same for everybody and may be a moment old: asked by a crowd, it is read once.

DESIGN 5 says what that may be: lists that nobody's rights decide, never a post or a permission.
"""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any, NamedTuple

from common.deadline import context_without_deadline


class Shared[T](NamedTuple):
    """A value; `fresh` tells whether it was read for who asked, and not for somebody before."""

    value: T
    fresh: bool

    @property
    def cache_control(self) -> str:
        """For how long others may keep an answer of it: wherever it was, it is a second old."""
        return "public, max-age=1" if self.fresh else "public, no-cache"


@dataclass(slots=True)
class _Reading:
    task: asyncio.Task[Any]
    until: float


class SharedReads:
    """Values by their keys, read when somebody asks, kept for a moment.

    Args:
        seconds: How long a value is given to others, from when its reading began; 0: never.
        most: How many are kept; one more makes the oldest go.
    """

    def __init__(self, seconds: float, most: int = 1_000) -> None:
        self._seconds = seconds
        self._most = most
        self._readings: dict[Hashable, _Reading] = {}

    async def get[T](self, key: Hashable, read: Callable[[], Coroutine[Any, Any, T]]) -> Shared[T]:
        """Return the value of a key: the one that is kept, the one being read, or a new one.

        What a reading raises, all get who wait for it, and nobody after them. Who stops waiting
        leaves the others their value.
        """
        if not self._seconds:
            return Shared(await read(), fresh=True)
        found = self._readings.get(key)
        if found is not None and found.task.done() and found.until > self._now():
            return Shared(found.task.result(), fresh=False)
        if found is None or found.task.done():
            found = self._begin(key, read)
        return Shared(await asyncio.shield(found.task), fresh=True)

    def _begin(self, key: Hashable, read: Callable[[], Coroutine[Any, Any, Any]]) -> _Reading:
        self._readings.pop(key, None)
        while len(self._readings) >= self._most:
            del self._readings[next(iter(self._readings))]
        # The deadline of who came first is not that of the others.
        task = asyncio.create_task(read(), context=context_without_deadline())
        reading = self._readings[key] = _Reading(task, self._now() + self._seconds)

        def forget_failure(task: asyncio.Task[Any]) -> None:
            failed = task.cancelled() or task.exception() is not None
            if failed and self._readings.get(key) is reading:
                del self._readings[key]

        task.add_done_callback(forget_failure)
        return reading

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
