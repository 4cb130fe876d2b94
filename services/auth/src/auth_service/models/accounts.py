"""An account: what one logs in with. Who the person is belongs to users."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.models.base import Base
from auth_service.models.usernames import SKELETON
from common.db import Timestamps


class Role(StrEnum):
    """What somebody does for the platform; nobody has one unless it was granted."""

    ADMIN = "admin"
    MODERATOR = "moderator"
    SUPPORT = "support"


class Account(Timestamps, Base):
    """`disabled_at` is since when nobody may log in."""

    __tablename__ = "accounts"
    __table_args__ = (
        UniqueConstraint("email"),
        UniqueConstraint("username"),
        # The other is in the order of the database's language, which finds no prefixes.
        Index(
            "ix_accounts_username_prefix",
            "username",
            postgresql_ops={"username": "text_pattern_ops"},
        ),
        Index("uq_accounts_username_skeleton", SKELETON, unique=True),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str]
    username: Mapped[str]
    password_hash: Mapped[str]
    verified_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    roles: Mapped[list[str]] = mapped_column(ARRAY(String), default=list, server_default="{}")
