"""Bodies around sessions."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from auth_service.api.schemas.accounts import Email, Password


class SessionCreate(BaseModel):
    email: Email
    password: Password


class SessionToken(BaseModel):
    refresh_token: str | None = Field(
        None, max_length=256, description="Needed unless a cookie has it."
    )


class TokensRead(BaseModel):
    access_token: str
    refresh_token: str | None = Field(description="Null when a cookie has it.")
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 — a scheme's name (RFC 6750).
    expires_in: int = Field(description="Life of the access token in seconds.")


class SessionRead(BaseModel):
    """Device and network are those of the last login or refresh, as the client told them."""

    id: UUID
    device: str = Field(examples=["Firefox on Linux"])
    network: str | None = Field(
        description="The client's address without its last part.", examples=["203.0.113.0/24"]
    )
    created_at: datetime
    last_used_at: datetime
    impersonated: bool = Field(description="Whether staff opened it in the owner's name.")
    current: bool = Field(description="Whether it is the session that asks.")
