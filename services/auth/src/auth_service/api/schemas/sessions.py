"""Bodies around sessions."""

from typing import Literal

from pydantic import BaseModel, Field

from auth_service.api.schemas.accounts import Email, Password


class SessionCreate(BaseModel):
    email: Email
    password: Password


class SessionToken(BaseModel):
    refresh_token: str = Field(max_length=256)


class TokensRead(BaseModel):
    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 — a scheme's name (RFC 6750).
    expires_in: int = Field(description="Life of the access token in seconds.")
