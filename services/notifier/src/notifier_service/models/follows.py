"""Who followed whom, and when: a copy of what users says, one row per stretch of time."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from notifier_service.models.base import Base


class Follow(Base):
    """Ended stretches stay: a post of that time may arrive later than the end of the stretch."""

    __tablename__ = "follows"
    # Of all followers and of one alike: a planner without statistics has no worse one to take.
    __table_args__ = (Index(None, "followee_id", "follower_id", "since"),)

    follower_id: Mapped[UUID] = mapped_column(primary_key=True)
    followee_id: Mapped[UUID] = mapped_column(primary_key=True)
    since: Mapped[datetime] = mapped_column(primary_key=True)
    until: Mapped[datetime | None]
    epoch: Mapped[int] = mapped_column(BigInteger)
    position: Mapped[int] = mapped_column(BigInteger)
