"""An author: what posts copies of users, so that showing a name asks nobody."""

from uuid import UUID

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from posts_service.models.base import Base


class Author(Base):
    """`(epoch, position)` is the event of users that wrote the row; (0, 0): a token told it."""

    __tablename__ = "authors"

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    # Not unique: two people may seem to have one name while the events of a swap arrive.
    username: Mapped[str] = mapped_column(index=True)
    display_name: Mapped[str]
    epoch: Mapped[int] = mapped_column(BigInteger)
    position: Mapped[int] = mapped_column(BigInteger)
