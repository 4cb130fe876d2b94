"""Bodies around logging in by mail."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from auth_service.api.schemas.accounts import LinkToken

Nonce = Annotated[
    str, Field(max_length=256, description="What the request for the mail was answered with.")
]
Code = Annotated[str, Field(pattern=r"^[0-9]{6}$", examples=["042137"])]


class ChallengeAccepted(BaseModel):
    """The same for every address: what happens next is told by mail."""

    status: Literal["accepted"] = "accepted"
    detail: str = "If there is something to say to this address, a mail tells how to go on."
    nonce: str | None = Field(
        description="Keep it: what is mailed works together with it alone. Nobody else may know it."
        " Null when a cookie has it."
    )
    expires_in: int = Field(description="How long the mail's code and link work, in seconds.")


class CodeLogin(BaseModel):
    nonce: Nonce | None = None
    code: Code


class LinkLogin(BaseModel):
    nonce: Nonce | None = None
    token: LinkToken
