"""An account: what one logs in with. Who the person is belongs to users."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.models.base import Base
from common.db import Timestamps


class Account(Timestamps, Base):
    __tablename__ = "accounts"
    __table_args__ = (UniqueConstraint("email"), UniqueConstraint("username"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str]
    username: Mapped[str]
    password_hash: Mapped[str]
    verified_at: Mapped[datetime | None]
