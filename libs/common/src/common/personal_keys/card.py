"""What is known of a personal access token, besides its hash."""

from datetime import datetime
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class KeyCard(BaseModel):
    """A token that counts, as its service's copy has it or the one that issued it tells."""

    model_config = ConfigDict(frozen=True)

    key_id: UUID
    account_id: UUID = Field(description="Whom it speaks for.")
    username: str
    scopes: list[str]
    expires_at: AwareDatetime

    def counts(self, now: datetime) -> bool:
        """Tell whether it has not expired."""
        return self.expires_at > now
