"""Follows, added and removed at most once whatever runs at the same time."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, or_, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from users_service.models import Follow


class Follows:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, follower_id: UUID, followee_id: UUID, *, now: datetime) -> bool:
        """Write a follow and hold its row; False when it exists."""
        new = insert(Follow).values(
            follower_id=follower_id, followee_id=followee_id, followed_at=now
        )
        made = await self._session.execute(
            new.on_conflict_do_nothing().returning(Follow.follower_id)
        )
        return made.scalar_one_or_none() is not None

    async def list_all(self, *, after: tuple[UUID, UUID] | None, limit: int) -> list[Follow]:
        """Return follows by follower and followee, from the one that follows `after`."""
        key = tuple_(Follow.follower_id, Follow.followee_id)
        query = select(Follow).order_by(key).limit(limit)
        if after is not None:
            query = query.where(key > after)
        return list((await self._session.execute(query)).scalars())

    async def remove_between(self, one_id: UUID, other_id: UUID) -> list[tuple[UUID, UUID]]:
        """Delete the follows between two people; return follower and followee of each."""
        pair = tuple_(Follow.follower_id, Follow.followee_id)
        gone = await self._session.execute(
            delete(Follow)
            .where(or_(pair == (one_id, other_id), pair == (other_id, one_id)))
            .returning(Follow.follower_id, Follow.followee_id)
        )
        return [(follower_id, followee_id) for follower_id, followee_id in gone]

    async def remove(self, follower_id: UUID, followee_id: UUID) -> bool:
        """Delete a follow and hold its row; False when there is none."""
        gone = await self._session.execute(
            delete(Follow)
            .where(Follow.follower_id == follower_id, Follow.followee_id == followee_id)
            .returning(Follow.follower_id)
        )
        return gone.scalar_one_or_none() is not None
