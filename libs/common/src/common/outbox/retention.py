"""Retention: the log forgets from its lower end what every consumer has and nobody needs."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import structlog
from prometheus_client import Counter
from sqlalchemy import delete, func, select

from common.clock import utc_now
from common.db import Database
from common.errors import Unavailable
from common.outbox.tables import EventReader, LogRow
from common.supervision import beat

KEEP_AT_LEAST: Final = timedelta(days=7)
KEEP_AT_MOST: Final = timedelta(days=30)
BATCH: Final = 1000
PERIOD_SECONDS: Final = 60.0

log = structlog.get_logger()
forgotten_total = Counter("colonnade_events_forgotten_total", "Events past retention.")


class Retention:
    """Keeps each event 7 days and until the slowest consumer has it, but 30 days at the most."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> None:
        """Forget what may be forgotten, once a minute, until cancelled."""
        while True:
            beat()
            try:
                while await self.forget(now=utc_now()) == BATCH:
                    pass
            except Unavailable as error:
                log.warning("retention_unavailable", error=repr(error))
            await asyncio.sleep(PERIOD_SECONDS)

    async def forget(self, *, now: datetime) -> int:
        """Delete one batch from the lower end; return how many events went.

        Raises:
            Unavailable: PostgreSQL does not answer.
        """
        async with self._database.transaction() as session:
            # Positions stay contiguous: the batch ends at the first event that must be kept.
            lowest = select(LogRow.position, LogRow.occurred_at).order_by(LogRow.position)
            rows = (await session.execute(lowest.limit(BATCH))).all()
            slowest: int | None = await session.scalar(select(func.min(EventReader.position)))
            last, count = 0, 0
            for position, occurred_at in rows:
                age = now - occurred_at
                needed = slowest is not None and position > slowest
                if age < KEEP_AT_LEAST or (needed and age < KEEP_AT_MOST):
                    break
                last, count = position, count + 1
            await session.execute(delete(LogRow).where(LogRow.position <= last))
        forgotten_total.inc(count)
        return count
