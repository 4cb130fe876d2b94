"""Bodies around impersonation."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints


class ImpersonationCreate(BaseModel):
    reason: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)
    ] = Field(description="Why; it is kept in the audit.", examples=["ticket 4711"])


class ImpersonationRead(BaseModel):
    """There is no refresh token: whoever needs longer says why once more."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 — a scheme's name (RFC 6750).
    expires_in: int = Field(description="Life of the access token in seconds, at most 900.")
    session_id: UUID = Field(description="The session, which the owner sees and may end.")
