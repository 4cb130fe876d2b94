"""Challenges: added for any address, found by the hash of their nonce, removed once answered."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.models import Challenge, LinkPurpose


class Challenges:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def add(self, challenge: Challenge) -> None:
        """Add a challenge."""
        self._session.add(challenge)

    async def find_locked(
        self, nonce_hash: bytes, purpose: LinkPurpose, *, now: datetime
    ) -> Challenge | None:
        """Return a challenge that can still be answered, locked: answers take turns."""
        query = (
            select(Challenge)
            .where(
                Challenge.nonce_hash == nonce_hash,
                Challenge.purpose == purpose,
                Challenge.expires_at > now,
            )
            .with_for_update()
        )
        return (await self._session.execute(query)).scalar_one_or_none()

    async def count_attempts(self, email: str, *, since: datetime) -> int:
        """Return how many wrong codes were sent for an address."""
        attempts = func.coalesce(func.sum(Challenge.attempts), 0)
        query = select(attempts).where(Challenge.email == email, Challenge.created_at > since)
        return int((await self._session.execute(query)).scalar_one())

    async def remove(self, challenge_id: UUID) -> None:
        """Remove a challenge that is answered."""
        await self._session.execute(delete(Challenge).where(Challenge.id == challenge_id))

    async def forget(self, *, before: datetime) -> None:
        """Remove the challenges that were made before a time."""
        await self._session.execute(delete(Challenge).where(Challenge.created_at < before))
