"""Hot statements: built and compiled once, run by the driver itself, each committing by itself.

Building a query, the engine's connection and its result cost several times what PostgreSQL takes
for a row found by its key (ADR 15). A repository of hot reads declares each query once, as a
`Statement`, and is given an `Executor`: `Direct` in a request, `InSession` in a transaction.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, Protocol

import asyncpg
from sqlalchemy.dialects.postgresql import asyncpg as postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from common.db.errors import DatabaseUnavailable, is_transient

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

    Nothing of a session may be set on these connections: no query resets them.

    Raises, from its methods:
        DatabaseUnavailable: PostgreSQL or the pool did not answer.
    """

    def __init__(self, pool: asyncpg.Pool, acquire_seconds: float) -> None:
        self._pool = pool
        self._acquire_seconds = acquire_seconds

    async def all(self, statement: Statement, **values: Any) -> Sequence[Any]:
        """Return all rows."""
        arguments = statement.arguments(values)
        try:
            async with self._pool.acquire(timeout=self._acquire_seconds) as connection:
                rows: list[Any] = await connection.fetch(statement.text, *arguments)
                return rows
        except Exception as error:
            # A deadline of the caller is no TimeoutError yet, in here it is a cancellation.
            if is_transient(error) or isinstance(error, OSError | TimeoutError):
                raise DatabaseUnavailable from error
            raise

    async def first(self, statement: Statement, **values: Any) -> Any | None:
        """Return the first row, or None."""
        rows = await self.all(statement, **values)
        return rows[0] if rows else None


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


@asynccontextmanager
async def open_direct(
    *, size: int, acquire_seconds: float, **connection: Any
) -> AsyncIterator[Direct]:
    """Open the driver's pool, which connects as it is needed; `connection` as for its `connect`."""
    pool = asyncpg.create_pool(
        min_size=0,
        max_size=size,
        # Idle connections stay, as in the engine's pool; one that broke is replaced when taken.
        max_inactive_connection_lifetime=0,
        reset=_nothing,
        **connection,
    )
    await pool
    try:
        yield Direct(pool, acquire_seconds)
    finally:
        # A server that does not answer must not hold up the end: what is cancelled is cut off.
        with suppress(TimeoutError):
            await asyncio.wait_for(pool.close(), _CLOSE_SECONDS)


async def _nothing(_connection: object) -> None:
    """Statements that commit by themselves leave nothing to reset."""


def _processor(kind: Any) -> Any:
    return kind.dialect_impl(_DIALECT).bind_processor(_DIALECT)
