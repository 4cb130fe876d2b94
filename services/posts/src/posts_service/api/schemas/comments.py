"""Bodies around comments."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from posts_service.api.schemas.posts import AuthorRead

MAX_COMMENT = 5_000

CommentBody = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_COMMENT),
    Field(description="Markdown.", examples=["I *agree*."]),
]


class CommentCreate(BaseModel):
    body: CommentBody
    parent_id: UUID | None = Field(None, description="The comment that this one answers.")


class CommentUpdate(BaseModel):
    body: CommentBody


class CommentRead(BaseModel):
    """A comment; author and text are null where it is only the place of its answers."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    post_id: UUID
    parent_id: UUID | None
    depth: int = Field(description="How many comments it lies below the beginning of its thread.")
    author: AuthorRead | None
    body: str | None = Field(description="Markdown.")
    body_html: str | None = Field(description="The body as HTML that is safe to show as it is.")
    created_at: datetime
    updated_at: datetime
    deleted: bool = Field(description="Whether it is only the place of its answers.")
