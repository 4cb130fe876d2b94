"""A session is a family of refresh tokens; of each token only the hash is kept."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.models.base import Base


class Session(Base):
    """`user_agent` and `network` are where it was used last, for its owner to recognise it.

    `impersonator_id` is who opened it, of the platform's people, in the name of the owner.
    `device` is that User-Agent in words; empty in rows of before there was one.
    `amr` is how they showed who they are the last time (RFC 8176): when it was opened, or at
    `authenticated_at`.
    """

    __tablename__ = "sessions"
    __table_args__ = (
        Index(
            "ix_sessions_impersonator_id",
            "impersonator_id",
            postgresql_where=text("impersonator_id IS NOT NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_used_at: Mapped[datetime] = mapped_column(server_default=func.now())
    user_agent: Mapped[str] = mapped_column(server_default="")
    device: Mapped[str] = mapped_column(server_default="")
    network: Mapped[str | None]
    impersonator_id: Mapped[UUID | None]
    ended_at: Mapped[datetime | None]
    authenticated_at: Mapped[datetime | None]
    amr: Mapped[list[str]] = mapped_column(ARRAY(String), server_default="{pwd}")

    @property
    def auth_time(self) -> datetime:
        """When its owner showed the last time who they are."""
        return self.authenticated_at or self.created_at


class RefreshToken(Base):
    __tablename__ = "refresh_tokens"
    __table_args__ = (UniqueConstraint("token_hash"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    session_id: Mapped[UUID] = mapped_column(
        ForeignKey("sessions.id", ondelete="CASCADE"), index=True
    )
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
