"""The five tables of a producer, on the service's own metadata.

`outbox` holds what use cases committed, `event_log` what has a position, `stream_head` the last
position given, `epochs` where each life of the database began, `event_readers` who consumes.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Identity, func, text
from sqlalchemy.orm import Mapped, mapped_column

from common.db.base import Base


class _EventColumns:
    event_id: Mapped[UUID]
    type: Mapped[str]
    key: Mapped[str]
    payload: Mapped[dict[str, Any]]
    headers: Mapped[dict[str, Any]]
    occurred_at: Mapped[datetime] = mapped_column(server_default=func.now())


class OutboxRow(_EventColumns, Base):
    __tablename__ = "outbox"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)


class LogRow(_EventColumns, Base):
    __tablename__ = "event_log"

    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    epoch: Mapped[int] = mapped_column(BigInteger)


class StreamHead(Base):
    """One row; whoever locks it assigns positions."""

    __tablename__ = "stream_head"
    __table_args__ = (CheckConstraint("id = 1", name="single_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, server_default=text("1"))
    epoch: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    position: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    server_started_at: Mapped[datetime | None]
    filenode: Mapped[int | None] = mapped_column(BigInteger)


class EpochRow(Base):
    __tablename__ = "epochs"

    epoch: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    start_position: Mapped[int] = mapped_column(BigInteger)
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())


class EventReader(Base):
    """A consumer and how far it said it is; the log is kept for it."""

    __tablename__ = "event_readers"

    name: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[int] = mapped_column(BigInteger)
    position: Mapped[int] = mapped_column(BigInteger)
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
