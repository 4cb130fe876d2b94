"""Mutes, added and removed at most once whatever runs at the same time."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from users_service.models import Mute, Profile
from users_service.repositories.profiles import Card


class Mutes:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, muter_id: UUID, muted_id: UUID, *, now: datetime) -> bool:
        """Write a mute and hold its row; False when it exists."""
        new = insert(Mute).values(muter_id=muter_id, muted_id=muted_id, muted_at=now)
        made = await self._session.execute(new.on_conflict_do_nothing().returning(Mute.muter_id))
        return made.scalar_one_or_none() is not None

    async def remove(self, muter_id: UUID, muted_id: UUID) -> bool:
        """Delete a mute and hold its row; False when there is none."""
        gone = await self._session.execute(
            delete(Mute)
            .where(Mute.muter_id == muter_id, Mute.muted_id == muted_id)
            .returning(Mute.muter_id)
        )
        return gone.scalar_one_or_none() is not None

    async def list_of(
        self, muter_id: UUID, *, after: tuple[datetime, UUID] | None, limit: int
    ) -> list[Card]:
        """Return whom somebody mutes, newest first, from the one that follows `after`."""
        place = (Mute.muted_at, Mute.muted_id)
        query = select(Profile.id, Profile.username, Profile.display_name, Mute.muted_at)
        query = query.join(Mute, Mute.muted_id == Profile.id).where(Mute.muter_id == muter_id)
        if after is not None:
            query = query.where(tuple_(*place) < tuple_(*after))
        query = query.order_by(*(column.desc() for column in place)).limit(limit)
        return [Card(*row) for row in await self._session.execute(query)]

    async def list_all(self, *, after: tuple[UUID, UUID] | None, limit: int) -> list[Mute]:
        """Return mutes by muter and muted, from the one that follows `after`."""
        key = tuple_(Mute.muter_id, Mute.muted_id)
        query = select(Mute).order_by(key).limit(limit)
        if after is not None:
            query = query.where(key > after)
        return list((await self._session.execute(query)).scalars())
