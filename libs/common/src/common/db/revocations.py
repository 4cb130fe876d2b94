"""Sessions whose access tokens are accepted no longer, in each service's own schema.

Rows are added by one process and read by others, each second: no request asks for them.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from common.db.base import Base
from common.db.engine import Database

# Longer than any transaction lasts: a row is seen however late after `written_at` it commits.
OVERLAP: Final = timedelta(seconds=30)


class RevokedSession(Base):
    """`expires_at` is when its last token has expired by itself; then the row has done its work."""

    __tablename__ = "revoked_sessions"

    session_id: Mapped[UUID] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime]
    written_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


async def add_revocations(
    session: AsyncSession, session_ids: Collection[UUID], *, expires_at: datetime
) -> None:
    """Write that these sessions are revoked; saying so again changes nothing."""
    if session_ids:
        rows = [{"session_id": each, "expires_at": expires_at} for each in session_ids]
        await session.execute(insert(RevokedSession).on_conflict_do_nothing(), rows)


async def read_revocations(database: Database, *, age: timedelta | None) -> Mapping[UUID, datetime]:
    """Return what was written in the last `age`, or ever if None, and when each expires.

    Raises:
        Unavailable: PostgreSQL does not answer.
    """
    row = RevokedSession
    query = select(row.session_id, row.expires_at).where(row.expires_at > func.now())
    if age is not None:
        query = query.where(row.written_at > func.now() - (age + OVERLAP))
    async with database.reads() as connection:
        return dict((await connection.execute(query)).all())


async def forget_revocations(database: Database) -> None:
    """Delete what has expired.

    Raises:
        Unavailable: PostgreSQL does not answer.
    """
    over = select(RevokedSession.session_id).where(RevokedSession.expires_at <= func.now())
    own = over.with_for_update(skip_locked=True)
    async with database.transaction() as session:
        await session.execute(delete(RevokedSession).where(RevokedSession.session_id.in_(own)))
