"""Bodies around the audit: as the owner of an account sees it, and as the platform's people do."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from auth_service.api.schemas.administration import OperatorAction
from auth_service.models import Action


class OwnEntryRead(BaseModel):
    """What was done to the caller's account. Device and network are as the client told them."""

    id: UUID
    occurred_at: datetime
    action: Action
    by: Literal["you", "staff", "staff_as_you", "somebody"] = Field(
        description="`staff_as_you` acted with a token of yours; `somebody` proved nothing."
    )
    device: str | None = Field(
        description="Null for what staff did.", examples=["Firefox on Linux"]
    )
    network: str | None = Field(
        description="The client's address without its last part; null for what staff did.",
        examples=["203.0.113.0/24"],
    )
    details: dict[str, Any]


class EntryRead(BaseModel):
    id: UUID
    occurred_at: datetime
    action: Action
    account_id: UUID | None = Field(
        description="Null for an address that nobody has, and for what concerns signing keys."
    )
    actor_id: UUID | None = Field(description="Null for who proved nothing, and for operators.")
    session_id: UUID | None
    impersonator_id: UUID | None = Field(description="Who acted with a token of the actor's.")
    details: dict[str, Any]
    personal: dict[str, str] | None = Field(
        description="Device, network, operator, reason and the like; null once erased.",
    )
    position: int | None = Field(
        description="Its place in the chain, which it gets within seconds."
    )
    hash: str | None = Field(description="Its hash in the chain, in hexadecimal digits.")


class BrokenRead(BaseModel):
    position: int
    why: Literal["missing", "altered", "personal_altered", "end_differs"]
    entry_id: UUID | None


class VerificationRead(BaseModel):
    """How far the chain holds: the last entry that does, and whether more follow."""

    position: int
    hash: str
    end: int = Field(description="The position that the chain ends with.")
    erased: int = Field(description="How many of these entries had their personal part erased.")
    broken: BrokenRead | None


class Erasure(OperatorAction):
    account_id: UUID


class ErasureRead(BaseModel):
    erased: int
