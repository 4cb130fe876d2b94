"""Bodies around what one logs in with."""

from typing import Final, Literal

from pydantic import BaseModel, Field

from auth_service.api.schemas.accounts import Email, LinkToken, Password, Username

_OR_RECENT: Final = "Needed unless the caller has logged in or reauthenticated lately."


class PasswordChange(BaseModel):
    current_password: Password | None = Field(None, description=_OR_RECENT)
    new_password: Password


class PasswordReset(BaseModel):
    token: LinkToken
    password: Password


class EmailChange(BaseModel):
    email: Email
    password: Password | None = Field(None, description=_OR_RECENT)


class EmailConfirmation(BaseModel):
    token: LinkToken


class UsernameChange(BaseModel):
    username: Username


class MailRequested(BaseModel):
    email: Email


class MailAccepted(BaseModel):
    """The same for every address: what happens next is told by mail, once a minute at most."""

    status: Literal["accepted"] = "accepted"
    detail: str = "If there is something to say to this address, a mail tells how to go on."
