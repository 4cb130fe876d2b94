"""Events of the service that owns posts."""

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
    """A post is gone; what refers to it should go too.

    Key: `post_id`.
    """

    wire_name: ClassVar = "posts.post_deleted.v1"

    post_id: UUID = Field(
        description="The post.", examples=["0199a3d0-52b6-7a94-b1e7-8f4c2d6a0e04"]
    )
    author_id: UUID = Field(
        description="The user who wrote it.", examples=["0199a3c1-7c40-7b52-9f3e-5d2a8c1e4b01"]
    )
