"""Engines and transactions. Only `Database.transaction` opens and commits; nothing else does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from sqlalchemy import event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from common.db.direct import Direct
from common.db.errors import DatabaseUnavailable, translated_errors
from common.db.writes import BatchingSession
from common.errors import AppError
from common.settings import DatabaseSettings

CONNECT_SECONDS = 3.0
# Longer than the server's own limit (5 s): it shows that the server no longer answers at all.
COMMAND_SECONDS = 10.0


def asyncpg_url(url: str) -> str:
    """Return the URL with the scheme that SQLAlchemy wants for asyncpg."""
    return urlunsplit(urlsplit(url)._replace(scheme="postgresql+asyncpg"))


@dataclass(frozen=True, slots=True)
class Database:
    """One service's database: `transaction` for work, `reads` and `direct` for single statements.

    Statements of hot routes are `direct`; `reads` is for those that are built as they are needed.
    """

    engine: AsyncEngine
    read_engine: AsyncEngine
    sessions: async_sessionmaker[AsyncSession]
    direct: Direct

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Open a session and commit it at the end; an exception rolls it back.

        An AppError whose class `commits` is raised after the commit.

        Raises:
            DatabaseUnavailable: PostgreSQL or the pool did not answer; nothing is known to be done.
        """
        with translated_errors():
            refusal = None
            async with self.sessions.begin() as session:
                try:
                    yield session
                except AppError as error:
                    if not error.commits:
                        raise
                    refusal = error
            if refusal:
                raise refusal

    @asynccontextmanager
    async def reads(self) -> AsyncIterator[AsyncConnection]:
        """Open an AUTOCOMMIT connection for statements that need no common snapshot.

        Raises:
            DatabaseUnavailable: PostgreSQL or the pool did not answer.
        """
        with translated_errors():
            async with self.read_engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def driver(self) -> AsyncIterator[asyncpg.Connection]:
        """Open a connection of the driver itself, for loops that would do little but wrap it.

        Each statement commits by itself outside of the connection's own `transaction()`.

        Raises:
            DatabaseUnavailable: PostgreSQL or the pool did not answer.
        """
        async with self.reads() as connection:
            raw = await connection.get_raw_connection()
            try:
                yield raw.driver_connection
            except (OSError, TimeoutError) as error:
                # Nobody knows what it is in the middle of.
                await connection.invalidate()
                raise DatabaseUnavailable from error

    async def ping(self, deadline_seconds: float = 2.0) -> None:
        """Raise DatabaseUnavailable unless PostgreSQL answers within the deadline."""
        try:
            async with asyncio.timeout(deadline_seconds), self.reads() as connection:
                await connection.execute(text("SELECT 1"))
        except TimeoutError as error:
            raise DatabaseUnavailable from error


async def _connect(options: dict[str, Any]) -> Any:
    try:
        return await asyncpg.connect(**options)
    except (OSError, TimeoutError) as error:
        raise DatabaseUnavailable from error


def _translate_driver_error(context: ExceptionContext) -> DatabaseUnavailable | None:
    """Name what SQLAlchemy passes as it is: the driver's broken sockets and its time-outs."""
    broken = isinstance(context.original_exception, OSError | TimeoutError)
    return DatabaseUnavailable() if broken else None


def _refuse_closed(connection: Any, _record: object, _proxy: object) -> None:
    """Make the pool replace a connection that its server closed, at the cost of no round trip."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


@asynccontextmanager
async def open_database(settings: DatabaseSettings) -> AsyncIterator[Database]:
    """Open the pools of one process and close them at the end. Connects lazily."""
    # The driver reads the URL itself, with every parameter that PostgreSQL documents.
    options = {
        "dsn": settings.database_url.get_secret_value(),
        "timeout": CONNECT_SECONDS,
        "command_timeout": COMMAND_SECONDS,
    }
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=partial(_connect, options),
        pool_size=settings.database_pool_size,
        max_overflow=0,
        pool_timeout=settings.database_pool_timeout_seconds,
        # Parameters are passwords' hashes and people's addresses; errors are logged.
        hide_parameters=True,
    )
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    event.listen(engine.sync_engine, "handle_error", _translate_driver_error, retval=True)
    read_engine = engine.execution_options(isolation_level="AUTOCOMMIT")
    sessions = async_sessionmaker(
        engine, expire_on_commit=False, sync_session_class=BatchingSession
    )
    direct = Direct(
        partial(_connect, options),
        size=settings.database_direct_pool_size,
        acquire_seconds=settings.database_pool_timeout_seconds,
    )
    try:
        yield Database(engine, read_engine, sessions, direct)
    finally:
        await direct.close()
        await engine.dispose()
