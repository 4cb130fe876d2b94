"""The one Alembic environment: a service's env.py calls `run` and holds nothing else.

Migrations run as the schema's owner over one direct connection, under a per-schema lock, with
timeouts, so that two jobs never interleave and none queues behind a long transaction.
"""

import asyncio
import os
from functools import partial

import asyncpg
from alembic import context
from sqlalchemy import Connection, MetaData, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from common.db.base import Base

LOCK_TIMEOUT = "2s"
STATEMENT_TIMEOUT = "60s"


def run(service: str, metadata: MetaData) -> None:
    """Run the requested Alembic command for a service.

    Args:
        service: Its name: prefix of its variables and name of its schema.
        metadata: What its models declare; autogenerate and `alembic check` compare against it and
            the tables of common that the models import.

    Raises:
        KeyError: <SERVICE>_MIGRATION_DATABASE_URL is not set.
    """
    if context.is_offline_mode():
        context.configure(
            dialect_name="postgresql",
            target_metadata=[Base.metadata, metadata],
            literal_binds=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        return
    asyncio.run(_run_online(service, metadata))


async def _run_online(service: str, metadata: MetaData) -> None:
    url = os.environ[f"{service.upper()}_MIGRATION_DATABASE_URL"]
    # The driver reads the URL itself, with every parameter that PostgreSQL documents.
    connect = partial(asyncpg.connect, url)
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=connect, poolclass=pool.NullPool
    )
    async with engine.connect() as connection:
        # Waiting for another migration to finish is fine; waiting for a table lock is not, so the
        # timeouts start after the advisory lock, which ends with the session.
        await connection.execute(
            text("SELECT pg_advisory_lock(hashtextextended('migrate:' || :service, 0))"),
            {"service": service},
        )
        await connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        await connection.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
        await connection.commit()
        await connection.run_sync(_migrate, metadata)
        await connection.commit()
    await engine.dispose()


def _migrate(connection: Connection, metadata: MetaData) -> None:
    context.configure(
        connection=connection,
        target_metadata=[Base.metadata, metadata],
        compare_server_default=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
