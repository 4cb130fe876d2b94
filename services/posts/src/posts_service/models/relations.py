"""Who follows, mutes and blocks whom: what posts copies of users, so that no read asks users."""

from uuid import UUID

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from posts_service.models.base import Base


class Relation:
    """What `actor_id` has to do with `target_id`.

    `(epoch, position)` is the event of users that wrote the row. One that has ended stays, so that
    an older event which comes again does not bring it back.
    """

    actor_id: Mapped[UUID] = mapped_column(primary_key=True)
    target_id: Mapped[UUID] = mapped_column(primary_key=True)
    ended: Mapped[bool]
    epoch: Mapped[int] = mapped_column(BigInteger)
    position: Mapped[int] = mapped_column(BigInteger)


class Follow(Relation, Base):
    __tablename__ = "follows"


class Mute(Relation, Base):
    __tablename__ = "mutes"


class Block(Relation, Base):
    """Who blocks does not see the blocked, nor the other way round: it is asked both ways."""

    __tablename__ = "blocks"
    __table_args__ = (Index(None, "target_id", "actor_id"),)
