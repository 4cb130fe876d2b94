"""Hot statements: built and compiled once, run by the driver itself, each committing by itself.

Building a query, the engine's connection and its result cost several times what PostgreSQL takes
for a row found by its key (ADR 15). A repository of hot reads declares each query once, as a
`Statement`, and is given an `Executor`: `Direct` in a request, `InSession` in a transaction.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

import asyncpg
from sqlalchemy.dialects.postgresql import asyncpg as postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from common.db.errors import DatabaseUnavailable, is_transient

type Connect = Callable[[], Awaitable[asyncpg.Connection]]

_DIALECT: Final[Any] = postgresql.dialect()  # type: ignore[no-untyped-call]
_CLOSE_SECONDS: Final = 2.0


class Statement:
    """A statement of SQLAlchemy, compiled once; its `bindparam`s are given by name at each run."""

    def __init__(self, clause: Any) -> None:
        compiled = clause.compile(dialect=_DIALECT)
        binds = {name: compiled.binds[name] for name in compiled.positiontup}
        self.clause = clause
        self.text: str = compiled.string
        self._names = tuple(binds)
        self._constants = {name: bind.value for name, bind in binds.items() if not bind.required}
        processors = {name: _processor(bind.type) for name, bind in binds.items()}
        self._processors = [(name, process) for name, process in processors.items() if process]

    def arguments(self, values: dict[str, Any]) -> list[Any]:
        """Return what the driver is given for the parameters, in their order.

        Raises:
            KeyError: A parameter has no value.
        """
        given = {**self._constants, **values}
        for name, process in self._processors:
            given[name] = process(given[name])
        return [given[name] for name in self._names]


class Executor(Protocol):
    """What runs a statement, and returns rows to be unpacked."""

    async def all(self, statement: Statement, **values: Any) -> Sequence[Any]:
        """Return all rows."""
        ...

    async def first(self, statement: Statement, **values: Any) -> Any | None:
        """Return the first row, or None."""
        ...


class Direct:
    """Runs each statement on a connection of the driver, without a transaction around it.

    The driver's own pool starts a task for each connection that comes back, and waits for time-outs
    even when nobody has to wait: a tenth of a read.

    Raises, from its methods:
        DatabaseUnavailable: PostgreSQL did not answer, or no connection became free.
    """

    def __init__(self, connect: Connect, *, size: int, acquire_seconds: float) -> None:
        self._connect = connect
        self._acquire_seconds = acquire_seconds
        self._turns = asyncio.Semaphore(size)
        self._idle: list[asyncpg.Connection] = []

    async def all(self, statement: Statement, **values: Any) -> Sequence[Any]:
        """Return all rows."""
        arguments = statement.arguments(values)
        await self._take_turn()
        try:
            return await self._run(statement.text, arguments)
        except Exception as error:
            # A deadline of the caller is no TimeoutError yet, in here it is a cancellation.
            if is_transient(error) or isinstance(error, OSError | TimeoutError):
                raise DatabaseUnavailable from error
            raise
        finally:
            self._turns.release()

    async def first(self, statement: Statement, **values: Any) -> Any | None:
        """Return the first row, or None."""
        rows = await self.all(statement, **values)
        return rows[0] if rows else None

    async def close(self) -> None:
        """Close the connections that are idle; a server that does not answer is left."""
        for connection in self._idle:
            try:
                await connection.close(timeout=_CLOSE_SECONDS)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection.terminate()

    async def _take_turn(self) -> None:
        if not self._turns.locked():
            await self._turns.acquire()
            return
        try:
            async with asyncio.timeout(self._acquire_seconds):
                await self._turns.acquire()
        except TimeoutError as error:
            raise DatabaseUnavailable from error

    async def _run(self, text: str, arguments: list[Any]) -> Sequence[Any]:
        # The last one that came back: those that a burst needed are closed by nobody, but rest.
        connection = self._idle.pop() if self._idle else None
        if connection is None or connection.is_closed():
            connection = await self._connect()
        try:
            rows: list[Any] = await connection.fetch(text, *arguments)
        except asyncpg.PostgresError:
            self._give_back(connection)
            raise
        except BaseException:
            # Nobody knows what it is in the middle of.
            connection.terminate()
            raise
        self._give_back(connection)
        return rows

    def _give_back(self, connection: asyncpg.Connection) -> None:
        if not connection.is_closed():
            self._idle.append(connection)


class InSession:
    """Runs statements in the transaction of a session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def all(self, statement: Statement, **values: Any) -> Sequence[Any]:
        """Return all rows."""
        return (await self._session.execute(statement.clause, values)).all()

    async def first(self, statement: Statement, **values: Any) -> Any | None:
        """Return the first row, or None."""
        return (await self._session.execute(statement.clause, values)).first()


def _processor(kind: Any) -> Any:
    return kind.dialect_impl(_DIALECT).bind_processor(_DIALECT)
