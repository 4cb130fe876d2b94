"""Bodies around accounts as the platform's people see them."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from auth_service.models import Role
from auth_service.repositories.audit import Operator


class AccountRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    email: str
    username: str
    roles: list[Role]
    created_at: datetime
    verified_at: datetime | None = Field(description="Null while the address is unverified.")
    disabled_at: datetime | None = Field(description="Since when nobody may log in, if so.")


class AccountsRead(BaseModel):
    items: list[AccountRead]


class OperatorAction(BaseModel):
    """Who does it and why; it is logged."""

    by: str = Field(min_length=1, max_length=64)
    reason: str = Field("", max_length=500)

    def operator(self, caller: str) -> Operator:
        """Return who does it, as the audit tells it; `caller` is the verified service."""
        return Operator(self.by, self.reason, caller)


class RoleAction(OperatorAction):
    role: Role
