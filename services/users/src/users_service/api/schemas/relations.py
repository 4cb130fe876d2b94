"""Bodies of the lists of people."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class ListedUserRead(BaseModel):
    """A person in one's own list."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    username: str
    display_name: str
    since: datetime = Field(description="When they came into the list.")
