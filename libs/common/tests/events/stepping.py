"""Processes that stop between any two of their effects, so that a test decides what comes next.

The code under test is untouched: its database and its Redis stop the process that uses them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from contextvars import ContextVar, copy_context
from typing import Any, Final

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from common.db import Database

BLOCKED_SECONDS: Final = 1.0

_current: ContextVar["Process | None"] = ContextVar("process", default=None)


class Process:
    """A task that stops at every checkpoint until it is told to pass it, or killed."""

    def __init__(self, start: Callable[[], Coroutine[Any, Any, object]]) -> None:
        self._start = start
        self._passes = 0
        self._told, self._stopped = asyncio.Event(), asyncio.Event()
        context = copy_context()
        context.run(_current.set, self)
        self._task = asyncio.create_task(start(), context=context)

    async def advance(self, passes: int) -> bool:
        """Pass that many checkpoints and stop at the next; tell whether the work came to its end.

        One that waits for a lock neither stops nor ends: it goes on by itself when it gets it.
        """
        self._passes = passes
        self._stopped.clear()
        self._told.set()
        stopped = asyncio.create_task(self._stopped.wait())
        await asyncio.wait(
            {self._task, stopped}, timeout=BLOCKED_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        stopped.cancel()
        return self._task.done()

    async def kill(self) -> None:
        """End the work where it stands; what it did not commit never happened."""
        self._task.cancel()
        await asyncio.wait({self._task})

    def does(self, method: Callable[..., object]) -> bool:
        """Tell whether this is what it works on."""
        return getattr(self._start, "__func__", None) is method

    def result(self) -> object:
        """Return what the work returned, or raise what it raised."""
        return self._task.result()

    async def pass_checkpoint(self) -> None:
        while self._passes == 0:
            self._told.clear()
            self._stopped.set()
            await self._told.wait()
        self._passes -= 1


async def checkpoint() -> None:
    """Stop the process that comes here, if it is one."""
    process = _current.get()
    if process is not None:
        await process.pass_checkpoint()


class SteppedDriver:
    """The driver's connection, whose transactions stop processes as those of sessions do."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        async with self._connection.transaction():
            yield
            await checkpoint()
        await checkpoint()


class SteppedDatabase(Database):
    """Stops processes before each transaction and read, before each commit, and after it."""

    @asynccontextmanager
    async def driver(self) -> AsyncIterator[asyncpg.Connection]:
        await checkpoint()
        # Not through `reads`, which would stop a second time.
        unstepped = Database(self.engine, self.read_engine, self.sessions, self.direct)
        async with unstepped.driver() as connection:
            yield SteppedDriver(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        await checkpoint()
        async with super().transaction() as session:
            yield session
            await checkpoint()
        await checkpoint()

    @asynccontextmanager
    async def reads(self) -> AsyncIterator[AsyncConnection]:
        await checkpoint()
        async with super().reads() as connection:
            yield connection


class SteppedRedis(Redis):
    """Stops processes before and after each script; `away` makes it unreachable for processes.

    Nothing blocks: while one process of the model works, no other writes.
    """

    away = False

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        if self.away and _current.get() is not None:
            raise RedisConnectionError("away")
        if args[0] == "XREAD" and b"BLOCK" in args:
            at = args.index(b"BLOCK")
            args = args[:at] + args[at + 2 :]
        stops = args[0] == "EVALSHA"
        if stops:
            await checkpoint()
        answer = await super().execute_command(*args, **options)  # type: ignore[no-untyped-call] # redis has no types here.
        if stops:
            await checkpoint()
        return answer
