"""What a consumer keeps: how far it has come, what it parked, and what its producers lost."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from common.db.base import Base


class StreamCursor(Base):
    """The cursor moves in the transaction of the effect; that is what makes the effect exact.

    `bootstrap_requested_at` is an operator's wish, until a worker has rebuilt the copies.
    """

    __tablename__ = "stream_cursor"

    producer: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    position: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
    bootstrap_requested_at: Mapped[datetime | None]


class ParkedEvent(Base):
    """An event that failed, or waits behind one of its key that did.

    The lowest place of a key is its head: only the head is tried, `next_at` says when, and without
    a time it waits for an operator. `skip_reason` marks one that an operator let go.
    """

    __tablename__ = "parked_events"
    __table_args__ = (
        Index(
            "ix_parked_events_waiting",
            "producer",
            "key",
            "epoch",
            "position",
            postgresql_where=text("skipped_at IS NULL"),
        ),
    )

    producer: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    event_id: Mapped[UUID]
    type: Mapped[str]
    key: Mapped[str]
    envelope: Mapped[dict[str, Any]]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    next_at: Mapped[datetime | None]
    error: Mapped[str | None]
    parked_at: Mapped[datetime] = mapped_column(server_default=func.now())
    skipped_at: Mapped[datetime | None]
    skip_reason: Mapped[str | None]


class LostRange(Base):
    """A range of positions that this consumer did not apply as its producer now tells it.

    `ghosts`: applied here, then lost by a restore of the producer; rows that carry this epoch or
    an older one and a position from `first_position` on stem from them. `skipped`: past retention
    when this consumer came back; copies were rebuilt from a snapshot, reactions were not run.
    """

    __tablename__ = "lost_ranges"

    producer: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    first_position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    last_position: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str]
    found_at: Mapped[datetime] = mapped_column(server_default=func.now())
