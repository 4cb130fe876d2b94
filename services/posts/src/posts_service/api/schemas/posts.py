"""Bodies around posts."""

import unicodedata
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from posts_service.models import PostStatus

MAX_BODY = 50_000

# One line without control characters: it stands in lists and in subjects of mails.
Title = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        min_length=1,
        max_length=200,
        pattern=r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$",
    ),
    Field(examples=["On compilers"]),
]
Body = Annotated[
    str, Field(max_length=MAX_BODY, description="Markdown.", examples=["Hello, *world*."])
]


def _composed(tag: str) -> str:
    return unicodedata.normalize("NFC", tag)


def _unique(tags: list[str]) -> list[str]:
    return list(dict.fromkeys(tags))


Tag = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        to_lower=True,
        min_length=1,
        max_length=32,
        pattern=r"^[^\W_]+(-[^\W_]+)*$",
    ),
    AfterValidator(_composed),
]
Tags = Annotated[
    list[Tag],
    Field(
        max_length=10,
        description="Words of letters and digits joined by hyphens; kept in lower case, once each.",
        examples=[["history", "compilers"]],
    ),
    AfterValidator(_unique),
]


class PostCreate(BaseModel):
    title: Title
    body: Body
    tags: Tags = []
    status: PostStatus = PostStatus.DRAFT


class PostUpdate(BaseModel):
    """What is absent stays as it is; null is no value."""

    # The factories only make the members optional: what was not sent is left out.
    title: Title = Field(default_factory=str)
    body: Body = Field(default_factory=str)
    tags: Tags = Field(default_factory=list)
    status: PostStatus = Field(default_factory=lambda: PostStatus.DRAFT)


class AuthorRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    username: str
    display_name: str


class PostSummary(BaseModel):
    """A post as lists show it; `published_at` is null for a draft."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    slug: str
    title: str
    tags: list[str]
    status: PostStatus
    author: AuthorRead
    published_at: datetime | None
    created_at: datetime
    updated_at: datetime


class PostRead(PostSummary):
    body: str = Field(description="Markdown.")
    body_html: str = Field(description="The body as HTML that is safe to show as it is.")
