"""Bodies around accounts. What they accept is normalised here; the rules are in the use cases."""

import unicodedata
from typing import Annotated, Any, Final, Literal

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

_LONGEST_DECOMPOSED: Final = 4 * 128


def _normalise_email(value: str) -> str:
    try:
        # test_environment admits .test, which no one can receive mail at but every test uses.
        found = validate_email(value, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise ValueError(str(error)) from error
    return found.normalized.lower()


def _composed(value: Any) -> Any:
    # Its length is that of its NFC form. To compose a text takes the square of its length, so what
    # is far too long stays as it is.
    if isinstance(value, str) and len(value) <= _LONGEST_DECOMPOSED:
        return unicodedata.normalize("NFC", value)
    return value


Email = Annotated[str, Field(max_length=254), AfterValidator(_normalise_email)]
# Three characters at least, so that no name is ever `me`, which names the caller in paths.
Username = Annotated[
    str, Field(pattern=r"^[a-z0-9][a-z0-9_]{1,28}[a-z0-9]$", examples=["grace_hopper"])
]
Password = Annotated[
    str,
    Field(max_length=128, examples=["correct horse battery staple"]),
    BeforeValidator(_composed),
]


class AccountCreate(BaseModel):
    email: Email
    password: Password
    username: Username


class AccountAccepted(BaseModel):
    """The same for every address: what happens next is told by mail."""

    status: Literal["accepted"] = "accepted"
    detail: str = "If the address can be registered, a mail tells how to go on."


LinkToken = Annotated[str, Field(max_length=256, description="The token of the mailed link.")]


class EmailVerification(BaseModel):
    token: LinkToken
