"""Items of an inbox. `data` depends on `kind`; clients ignore kinds they do not know."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel


class PostPublishedData(BaseModel):
    post_id: UUID
    slug: str
    title: str
    author_username: str


class NotificationRead(BaseModel):
    id: UUID
    kind: Literal["post_published"] = "post_published"
    created_at: datetime
    read_at: datetime | None
    data: PostPublishedData
