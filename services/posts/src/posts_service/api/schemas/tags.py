"""Bodies around tags."""

from pydantic import BaseModel, ConfigDict, Field

from posts_service.repositories.tags import COUNTED


class TagRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    tag: str
    posts: int = Field(description=f"How many of the newest {COUNTED:,} posts carry it.")


class TagList(BaseModel):
    items: list[TagRead]
