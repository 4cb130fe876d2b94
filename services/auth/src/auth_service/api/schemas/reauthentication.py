"""Bodies around showing again who one is."""

from typing import Literal, Self

from pydantic import BaseModel, Field, model_validator

from auth_service.api.schemas.accounts import Password
from auth_service.api.schemas.email_logins import Code, Nonce


class Reauthentication(BaseModel):
    """Either the password, or nonce and code of a mail."""

    password: Password | None = None
    nonce: Nonce | None = None
    code: Code | None = None

    @model_validator(mode="after")
    def _is_one_proof(self) -> Self:
        by_code = (self.nonce is not None, self.code is not None)
        if by_code != (self.password is None,) * 2:
            message = "Either the password, or both nonce and code are needed."
            raise ValueError(message)
        return self


class AccessTokenRead(BaseModel):
    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 — a scheme's name (RFC 6750).
    expires_in: int = Field(description="Life of the access token in seconds.")
