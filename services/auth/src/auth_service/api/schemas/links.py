"""Bodies around mailed links."""

from pydantic import BaseModel


class LinkRead(BaseModel):
    url: str
