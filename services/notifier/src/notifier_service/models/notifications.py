"""An item of somebody's inbox: a post of a person they followed when it was published."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from notifier_service.models.base import Base


class Notification(Base):
    """`created_at` is the time of the fact, not of its arrival: it is the same in every order."""

    __tablename__ = "notifications"
    __table_args__ = (Index(None, "recipient_id", "created_at", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    recipient_id: Mapped[UUID]
    post_id: Mapped[UUID] = mapped_column(
        ForeignKey("published_posts.post_id", ondelete="CASCADE"), index=True
    )
    created_at: Mapped[datetime]
    read_at: Mapped[datetime | None]
