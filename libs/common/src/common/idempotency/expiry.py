"""Answers are forgotten when their day is over, in batches, by any number of workers."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy import delete, select

from common.clock import utc_now
from common.db import Database
from common.idempotency.answers import KEEP
from common.idempotency.tables import IdempotencyKey
from common.supervision import beat, every

BATCH: Final = 1000
PERIOD_SECONDS: Final = 60.0


def answer_loops(database: Database) -> dict[str, Callable[[], Awaitable[None]]]:
    """Return the loop of a worker whose service keeps answers, by name."""
    return {"forget_answers": partial(every, PERIOD_SECONDS, partial(_forget_all, database))}


async def forget_answers(database: Database, *, now: datetime) -> int:
    """Delete one batch of the answers whose time is over; return how many went.

    Raises:
        Unavailable: PostgreSQL does not answer.
    """
    over = (
        select(IdempotencyKey.id)
        .where(IdempotencyKey.created_at <= now - KEEP)
        .order_by(IdempotencyKey.created_at)
        .limit(BATCH)
        # Another worker has them, or a request that renews one.
        .with_for_update(skip_locked=True)
    )
    gone = delete(IdempotencyKey).where(IdempotencyKey.id.in_(over)).returning(IdempotencyKey.id)
    async with database.transaction() as session:
        return len((await session.scalars(gone)).all())


async def _forget_all(database: Database) -> None:
    while await forget_answers(database, now=utc_now()) == BATCH:
        beat()
