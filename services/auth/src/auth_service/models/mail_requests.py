"""Somebody asked for a mail to an address. Whether it has an account is found out afterwards."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from auth_service.models.base import Base


class MailRequest(Base):
    """Written by the request for any address alike, so that its time tells nothing either.

    `account_id` is whose request it is, when they have proved that.
    """

    __tablename__ = "mail_requests"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str]
    purpose: Mapped[str]
    account_id: Mapped[UUID | None]
    trace: Mapped[dict[str, Any]]
    requested_at: Mapped[datetime]
