"""Signing keys as operators see them: never a part of one."""

from datetime import datetime

from pydantic import BaseModel, Field

from auth_service.usecases.signing_keys import KeyFacts, KeyState


class SigningKeyRead(BaseModel):
    kid: str
    algorithm: str
    state: KeyState
    published_at: datetime
    signs_from: datetime
    sealed_with: str = Field(description="Name of the encryption key that its private part needs.")

    @classmethod
    def of(cls, facts: KeyFacts) -> "SigningKeyRead":
        """Render a key."""
        key = facts.key
        return cls(
            kid=key.kid,
            algorithm=key.algorithm,
            state=facts.state,
            published_at=key.published_at,
            signs_from=key.signs_from,
            sealed_with=key.sealed_with,
        )


class SigningKeysRead(BaseModel):
    items: list[SigningKeyRead]


class RotationRead(BaseModel):
    kid: str
    signs_from: datetime = Field(description="When it does, or since when.")
