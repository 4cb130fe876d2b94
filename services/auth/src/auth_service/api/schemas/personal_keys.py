"""Bodies around personal access tokens."""

import unicodedata
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
)

from auth_service.api.schemas.administration import OperatorAction
from common.personal_keys.format import PATTERN
from common.personal_keys.uses import AT_ONCE

# Letters, marks and digits of any script. Mails tell the name: nothing in it becomes a link, turns
# the direction of the text or cannot be seen.
_KINDS: Final = ("L", "M", "N")
_OTHERS: Final = frozenset(" _-")


def _plain(value: str) -> str:
    name = unicodedata.normalize("NFC", value).strip()
    allowed = all(each in _OTHERS or unicodedata.category(each)[0] in _KINDS for each in name)
    if not name or not allowed:
        message = "A name consists of letters, digits, spaces, hyphens and underscores."
        raise ValueError(message)
    return name


KeyName = Annotated[
    str,
    Field(min_length=1, max_length=64, examples=["Nightly build"]),
    AfterValidator(_plain),
]
Scope = Annotated[str, Field(max_length=64, pattern=r"^[a-z]+:[a-z]+$", examples=["posts:read"])]


class PersonalKeyCreate(BaseModel):
    name: KeyName = Field(description="What its owner calls it.")
    scopes: list[Scope] = Field(
        min_length=1,
        max_length=64,
        description="What it may do: `<service>:read`, `<service>:write`, and what the roles of "
        "its owner allow.",
    )
    expires_in_days: int = Field(90, ge=1, description="For how long it counts.")


class PersonalKeyRead(BaseModel):
    """A personal access token, without the token itself."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = Field(description="Right to a minute or so.")


class PersonalKeyCreated(PersonalKeyRead):
    """A personal access token; no other answer tells it again."""

    token: str = Field(
        description="The token, to be kept as a password is.",
        json_schema_extra={"pattern": PATTERN},
    )


def _text(value: Any) -> Any:
    # Pydantic would take a number for seconds, which the document does not say.
    if isinstance(value, int | float):
        raise ValueError("A time is text.")  # noqa: TRY004 — what a validator raises.
    return value


class KeyUse(BaseModel):
    key_id: UUID
    used_at: Annotated[AwareDatetime, BeforeValidator(_text)]


class KeyUses(BaseModel):
    """When tokens were last used at a service."""

    uses: list[KeyUse] = Field(max_length=AT_ONCE)


class KeyRevocation(OperatorAction):
    key_id: UUID | None = Field(None, description="One token; without it all of the account.")


class KeysRevoked(BaseModel):
    revoked: int
