"""Bodies around mailed links."""

from pydantic import BaseModel, Field


class LinkRead(BaseModel):
    url: str | None = Field(description="What the mail leads to; null if it has a code alone.")
    code: str | None = Field(description="Six digits, for those that are typed in.")
