"""The last good key set, kept in the service's own schema: a restart needs no other service."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, SmallInteger, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from common.db.base import Base
from common.db.engine import Database


class JwksCopy(Base):
    """One row: what the issuer of access tokens last published."""

    __tablename__ = "jwks_copy"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    keys: Mapped[dict[str, Any]]
    fetched_at: Mapped[datetime]


async def load_jwks(database: Database) -> dict[str, Any] | None:
    """Return the stored key set, None when none was ever fetched."""
    async with database.reads() as connection:
        return await connection.scalar(select(JwksCopy.keys).where(JwksCopy.id == 1))


async def store_jwks(database: Database, keys: dict[str, Any], fetched_at: datetime) -> None:
    """Keep this key set in place of the former one."""
    statement = insert(JwksCopy).values(id=1, keys=keys, fetched_at=fetched_at)
    changes = {"keys": statement.excluded["keys"], "fetched_at": fetched_at}
    async with database.transaction() as session:
        await session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changes))
