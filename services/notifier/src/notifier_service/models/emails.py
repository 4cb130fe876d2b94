"""A mail to send. The row is the truth: whoever claims it sends it, and marks it by its lease."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from notifier_service.models.base import Base


class EmailStatus(StrEnum):
    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"  # The server refused it for good, or for too long.
    CANCELLED = "cancelled"  # Its link can no longer be used: there is nothing left to say.


class EmailTemplate(StrEnum):
    VERIFY_EMAIL = "verify_email"
    KNOWN_ADDRESS = "known_address"
    RESET_PASSWORD = "reset_password"  # noqa: S105 — the name of a template.
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 — as above.
    CONFIRM_EMAIL = "confirm_email"
    EMAIL_CHANGED = "email_changed"
    SESSION_STOLEN = "session_stolen"
    KEY_ISSUED = "key_issued"
    NEW_DEVICE = "new_device"
    LOG_IN = "log_in"
    REAUTHENTICATE = "reauthenticate"


class Email(Base):
    """Message-ID and Date are made of `id` and `created_at`, so that each attempt repeats them.

    A pending row is due at `next_at`. A claim moves that to the end of its lease, so that the row
    of a sender that died is simply due again.
    """

    __tablename__ = "emails"
    __table_args__ = (
        Index("ix_emails_next_at", "next_at", postgresql_where=text("status = 'pending'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    template: Mapped[str]
    recipient: Mapped[str]
    context: Mapped[dict[str, Any]]
    link_id: Mapped[UUID | None]
    trace: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    status: Mapped[str] = mapped_column(server_default=EmailStatus.PENDING)
    next_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    lease_token: Mapped[UUID | None]
    sent_at: Mapped[datetime | None]
    error: Mapped[str | None]
