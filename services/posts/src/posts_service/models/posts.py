"""A post: Markdown with the HTML made of it, visible to its author alone until it is published."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from posts_service.models.base import Base, Edited

ID_PATTERN: Final = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
# Lists show published posts alone, so their indexes hold nothing else.
_PUBLISHED: Final = text("status = 'published'")


class PostStatus(StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"


class Post(Edited, Base):
    """Tags are values of a post, written and read with it: an array keeps them in one row."""

    __tablename__ = "posts"
    __table_args__ = (
        UniqueConstraint("slug"),
        CheckConstraint("status IN ('draft', 'published')", name="known_status"),
        CheckConstraint("(status = 'published') = (published_at IS NOT NULL)", name="published_at"),
        # A path names a post by id or by slug: no text may be both.
        CheckConstraint(f"slug !~ '{ID_PATTERN}'", name="slug_is_no_id"),
        Index("ix_posts_newest", "published_at", "id", postgresql_where=_PUBLISHED),
        Index(
            "ix_posts_newest_of_author",
            "author_id",
            "published_at",
            "id",
            postgresql_where=_PUBLISHED,
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    author_id: Mapped[UUID] = mapped_column(ForeignKey("authors.user_id"))
    slug: Mapped[str]
    title: Mapped[str]
    body: Mapped[str]
    body_html: Mapped[str]
    tags: Mapped[list[str]] = mapped_column(ARRAY(String))
    status: Mapped[str]
    published_at: Mapped[datetime | None]


class NewestPost(Base):
    """The newest published post of each author who has one: a feed asks for that of everybody.

    Triggers of `posts` keep it, so that whatever writes posts does: this code, and while pods are
    replaced the code before it.
    """

    __tablename__ = "newest_posts"
    # Room on each page for the next version of its rows: then no index has to change.
    __table_args__ = ({"postgresql_with": {"fillfactor": 80}},)

    author_id: Mapped[UUID] = mapped_column(primary_key=True)
    published_at: Mapped[datetime]
    post_id: Mapped[UUID]


class PostTag(Base):
    """That a published post carries a tag, in the order in which the tag's posts are listed.

    An index of the array would find a tag's posts, and then sort all of them for each page.
    """

    __tablename__ = "post_tags"
    __table_args__ = (
        Index("ix_post_tags_newest_of_author", "author_id", "tag", "published_at", "post_id"),
    )

    tag: Mapped[str] = mapped_column(primary_key=True)
    published_at: Mapped[datetime] = mapped_column(primary_key=True)
    post_id: Mapped[UUID] = mapped_column(
        ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    author_id: Mapped[UUID]
