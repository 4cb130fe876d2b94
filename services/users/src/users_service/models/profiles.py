"""A profile: who a person is. Its id and username are copies of what auth says."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, composite, mapped_column

from common.place import Place
from users_service.models.base import Base


class Profile(Base):
    """`updated_at` moves with what people see, not with the bookkeeping of the copy."""

    __tablename__ = "profiles"
    __table_args__ = (UniqueConstraint("username"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    username: Mapped[str]
    display_name: Mapped[str]
    bio: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    # The event of auth that wrote the username; 0, 0 when only a token has told it so far.
    username_place: Mapped[Place] = composite(
        mapped_column("username_epoch", BigInteger, server_default=text("0")),
        mapped_column("username_position", BigInteger, server_default=text("0")),
    )
