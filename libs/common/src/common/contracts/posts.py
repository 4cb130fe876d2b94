"""Events of the service that owns posts."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from common.contracts.base import Event


class PostPublished(Event):
    """A post became visible to everyone."""

    wire_name: ClassVar = "posts.post_published.v1"

    post_id: UUID
    author_id: UUID
    author_username: str
    title: str
    slug: str
    published_at: datetime


class PostDeleted(Event):
    """A post is gone; what refers to it should go too."""

    wire_name: ClassVar = "posts.post_deleted.v1"

    post_id: UUID
    author_id: UUID
