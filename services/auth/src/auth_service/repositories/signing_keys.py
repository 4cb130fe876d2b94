"""Signing keys: changed by one process at a time, read by all of them each second."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from auth_service.models import SigningKey

_LOCK = "auth.signing_keys"
_ORDER = (SigningKey.signs_from, SigningKey.published_at, SigningKey.kid)


class SigningKeys:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def lock_all(self) -> list[SigningKey]:
        """Return all keys in the order in which they sign; nobody else changes any meanwhile."""
        # Rows cannot be locked before the first one is there.
        lock = func.pg_advisory_xact_lock(func.hashtextextended(_LOCK, 0))
        await self._session.execute(select(lock))
        return list(await self._session.scalars(select(SigningKey).order_by(*_ORDER)))

    def add(self, key: SigningKey) -> None:
        """Add a key."""
        self._session.add(key)

    async def remove(self, key: SigningKey) -> None:
        """Remove a key; its private part is gone for good."""
        await self._session.delete(key)


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A signing key as it is stored."""

    kid: str
    algorithm: str
    public: dict[str, Any]
    sealed: str
    sealed_with: str
    published_at: datetime
    signs_from: datetime


class SigningKeyReads:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def list_all(self) -> Sequence[StoredKey]:
        """Return all keys in the order in which they sign."""
        row = SigningKey
        query = select(
            row.kid,
            row.algorithm,
            row.public,
            row.sealed,
            row.sealed_with,
            row.published_at,
            row.signs_from,
        )
        rows = await self._connection.execute(query.order_by(*_ORDER))
        return [StoredKey(*each) for each in rows]
