"""Events of the service that owns posts and the comments on them."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from pydantic import Field

from common.contracts.base import Event


class PostPublished(Event):
    """A post became visible to everyone.

    Key: `post_id`.
    """

    wire_name: ClassVar = "posts.post_published.v1"

    post_id: UUID = Field(
        description="The post.", examples=["0199a3d0-52b6-7a94-b1e7-8f4c2d6a0e04"]
    )
    author_id: UUID = Field(
        description="The user who wrote it.", examples=["0199a3c1-7c40-7b52-9f3e-5d2a8c1e4b01"]
    )
    author_username: str = Field(
        description="The author's username at that moment.", examples=["ada"]
    )
    title: str = Field(
        description="The title at that moment, as plain text.", examples=["Notes on the Engine"]
    )
    slug: str = Field(
        description="The last part of the post's address.", examples=["notes-on-the-engine"]
    )
    published_at: datetime = Field(
        description="When it became visible (UTC).", examples=["2026-03-01T09:30:00Z"]
    )


class PostDeleted(Event):
    """A post is gone with all of its comments; what refers to it should go too.

    Key: `post_id`.
    """

    wire_name: ClassVar = "posts.post_deleted.v1"

    post_id: UUID = Field(
        description="The post.", examples=["0199a3d0-52b6-7a94-b1e7-8f4c2d6a0e04"]
    )
    author_id: UUID = Field(
        description="The user who wrote it.", examples=["0199a3c1-7c40-7b52-9f3e-5d2a8c1e4b01"]
    )


class CommentCreated(Event):
    """Somebody commented on a published post, or answered a comment on it.

    Key: `comment_id`.
    """

    wire_name: ClassVar = "posts.comment_created.v1"

    comment_id: UUID = Field(
        description="The comment.", examples=["0199a3d4-9c10-7f3b-a6d2-0b5e8c7f1a07"]
    )
    post_id: UUID = Field(
        description="The post.", examples=["0199a3d0-52b6-7a94-b1e7-8f4c2d6a0e04"]
    )
    post_author_id: UUID = Field(
        description="The user who wrote the post.",
        examples=["0199a3c1-7c40-7b52-9f3e-5d2a8c1e4b01"],
    )
    parent_id: UUID | None = Field(
        description="The comment that it answers; null when it is about the post itself.",
        examples=["0199a3d3-1e6f-74c8-9b0a-5d4f2e8c6b08"],
    )
    parent_author_id: UUID | None = Field(
        description="The user who wrote that comment; null without one.",
        examples=["0199a3c1-7c40-7b52-9f3e-5d2a8c1e4b01"],
    )
    author_id: UUID = Field(
        description="The user who wrote it.", examples=["0199a3c2-11d8-7e0a-8b6f-3c9d7f20a502"]
    )
    author_username: str = Field(
        description="The author's username at that moment.", examples=["grace"]
    )
    created_at: datetime = Field(
        description="When it was written (UTC).", examples=["2026-03-01T11:15:00Z"]
    )


class CommentDeleted(Event):
    """What a comment said is gone; comments that answer it may be left.

    Key: `comment_id`.
    """

    wire_name: ClassVar = "posts.comment_deleted.v1"

    comment_id: UUID = Field(
        description="The comment.", examples=["0199a3d4-9c10-7f3b-a6d2-0b5e8c7f1a07"]
    )
    post_id: UUID = Field(
        description="The post.", examples=["0199a3d0-52b6-7a94-b1e7-8f4c2d6a0e04"]
    )
    author_id: UUID = Field(
        description="The user who wrote it.", examples=["0199a3c2-11d8-7e0a-8b6f-3c9d7f20a502"]
    )
