"""Bodies around what one logs in with."""

from typing import Literal

from pydantic import BaseModel

from auth_service.api.schemas.accounts import Email, LinkToken, Password


class PasswordChange(BaseModel):
    current_password: Password
    new_password: Password


class PasswordForgotten(BaseModel):
    email: Email


class PasswordReset(BaseModel):
    token: LinkToken
    password: Password


class MailAccepted(BaseModel):
    """The same for every address: what happens next is told by mail."""

    status: Literal["accepted"] = "accepted"
    detail: str = "If the address has an account, a mail tells how to go on."
