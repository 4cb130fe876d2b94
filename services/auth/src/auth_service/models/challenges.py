"""Somebody claims to read an address's mail, and shows it by what the mail says."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.models.base import Base


class Challenge(Base):
    """Written for any address alike; its mailed link, if one is mailed, has the same id.

    Whoever asked holds the nonce, of which the hash is kept: what is mailed is worthless elsewhere.
    """

    __tablename__ = "challenges"
    __table_args__ = (
        UniqueConstraint("nonce_hash"),
        Index("ix_challenges_email_created_at", "email", "created_at"),
        Index("ix_challenges_created_at", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str]
    purpose: Mapped[str]
    nonce_hash: Mapped[bytes] = mapped_column(LargeBinary)
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
