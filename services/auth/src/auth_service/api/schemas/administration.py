"""Bodies around accounts as the platform's people see them."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from auth_service.models import Role


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


class RoleAction(OperatorAction):
    role: Role
