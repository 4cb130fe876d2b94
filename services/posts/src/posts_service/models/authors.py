"""An author: what posts copies of users, so that showing a name asks nobody."""

from uuid import UUID

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from posts_service.models.base import Base


class Author(Base):
    """`(epoch, position)` is the event of users that wrote the row; (0, 0): a token told it."""

    __tablename__ = "authors"
    # Whoever has a name by the latest word of users is the last one of the index under that name.
    __table_args__ = (Index("ix_authors_latest_of_name", "username", "epoch", "position"),)

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    # Not unique: two people may seem to have one name while the events of a swap arrive.
    username: Mapped[str]
    display_name: Mapped[str]
    epoch: Mapped[int] = mapped_column(BigInteger)
    position: Mapped[int] = mapped_column(BigInteger)
