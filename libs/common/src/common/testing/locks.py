"""Transactions that wait for each other, for tests of what they leave behind."""

import asyncio

from sqlalchemy import text

from common.db import Database

_WAITING = text("""
    SELECT count(*) FROM pg_stat_activity
     WHERE datname = current_database() AND wait_event_type = 'Lock'
""")


async def somebody_waits(database: Database) -> None:
    """Return once a transaction of the database's role waits for another."""
    async with asyncio.timeout(10), database.reads() as connection:
        # PostgreSQL tells nobody that somebody waits.
        while not await connection.scalar(_WAITING):  # noqa: ASYNC110 — as said.
            await asyncio.sleep(0.01)
