"""Bodies around profiles."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

# One line without control characters: it stands in titles, lists and subjects of mails.
DisplayName = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        min_length=1,
        max_length=64,
        pattern=r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$",
    ),
]
Bio = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)]


class ProfileUpdate(BaseModel):
    """What is absent stays as it is; null is no value."""

    # The factories only make the members optional: what was not sent is left out.
    display_name: DisplayName = Field(default_factory=str, examples=["Grace Hopper"])
    bio: Bio = Field(default_factory=str, examples=["Invented the compiler."])


class ProfileRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    username: str
    display_name: str
    bio: str
    created_at: datetime
    updated_at: datetime
