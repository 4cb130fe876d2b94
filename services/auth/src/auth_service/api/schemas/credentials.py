"""Bodies around what one logs in with."""

from typing import Literal

from pydantic import BaseModel, Field

from auth_service.api.schemas.accounts import Email, LinkToken, Password, Username


class PasswordChange(BaseModel):
    current_password: Password
    new_password: Password


class PasswordReset(BaseModel):
    token: LinkToken
    password: Password


class EmailChange(BaseModel):
    email: Email
    password: Password | None = Field(
        None, description="Needed unless the caller has logged in or reauthenticated lately."
    )


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
