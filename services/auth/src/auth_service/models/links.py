"""A mailed link: single-purpose, single-use. Its token is derived, never stored."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import ForeignKey, func
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.models.base import Base


class LinkPurpose(StrEnum):
    VERIFY_EMAIL = "verify_email"
    RESET_PASSWORD = "reset_password"  # noqa: S105 — what a link is for.
    CHANGE_EMAIL = "change_email"
    LOG_IN = "log_in"
    REAUTHENTICATE = "reauthenticate"


# What is asked for with a nonce; several clients may have asked, of which none ends another's.
CHALLENGED: Final = frozenset({LinkPurpose.LOG_IN, LinkPurpose.REAUTHENTICATE})


class Link(Base):
    """`email` is the address that it was mailed to; older ones do not tell it."""

    __tablename__ = "links"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), index=True
    )
    purpose: Mapped[str]
    email: Mapped[str | None]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
