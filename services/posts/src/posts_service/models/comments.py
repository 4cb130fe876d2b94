"""A comment on a published post: Markdown with the HTML made of it, alone or as an answer."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from posts_service.models.base import Base, Edited

_STEP: Final = 32
MAX_DEPTH: Final = 5


class Comment(Edited, Base):
    """`path` holds the ids from the beginning of the thread down to the comment itself.

    Ids rise with time, so the order of the paths is the order in which threads are read: each
    comment is followed by its answers, older ones first. A page of it is one range of the index.
    """

    __tablename__ = "comments"
    __table_args__ = (
        CheckConstraint("right(path, 32) = replace(id::text, '-', '')", name="path_ends_in_id"),
        Index("ix_comments_thread", "post_id", "path"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    post_id: Mapped[UUID] = mapped_column(ForeignKey("posts.id", ondelete="CASCADE"))
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("comments.id"), index=True)
    author_id: Mapped[UUID] = mapped_column(ForeignKey("authors.user_id"), index=True)
    # Bytes are compared, whatever the database's language: the digits of ids need nothing else.
    path: Mapped[str] = mapped_column(String(collation="C"))
    body: Mapped[str]
    body_html: Mapped[str]
    # A deleted comment stays, without its text, while others answer it.
    deleted_at: Mapped[datetime | None]

    @property
    def depth(self) -> int:
        """How many comments it is below the one that began the thread."""
        return depth_of(self.path)


def path_of(comment_id: UUID, parent: Comment | None) -> str:
    """Return the path of a new comment."""
    return (parent.path if parent else "") + comment_id.hex


def depth_of(path: str) -> int:
    """Return how many comments lie above the end of a path."""
    return len(path) // _STEP - 1
