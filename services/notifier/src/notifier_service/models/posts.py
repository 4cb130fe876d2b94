"""Posts that were published: a copy of what posts says, as far as notifications show it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, false
from sqlalchemy.orm import Mapped, mapped_column

from notifier_service.models.base import Base


class PublishedPost(Base):
    """A deleted post leaves its row behind, so that nothing older brings it back."""

    __tablename__ = "published_posts"
    __table_args__ = (Index(None, "author_id", "published_at"),)

    post_id: Mapped[UUID] = mapped_column(primary_key=True)
    author_id: Mapped[UUID]
    author_username: Mapped[str]
    title: Mapped[str]
    slug: Mapped[str]
    published_at: Mapped[datetime]
    deleted: Mapped[bool] = mapped_column(server_default=false())
    epoch: Mapped[int] = mapped_column(BigInteger)
    position: Mapped[int] = mapped_column(BigInteger)
