"""Blocks, added and removed at most once whatever runs at the same time."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, or_, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from users_service.models import Block, Profile
from users_service.repositories.profiles import Card


class Blocks:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def lock_pair(self, one_id: UUID, other_id: UUID) -> None:
        """Let no other transaction decide about follows and blocks of these two meanwhile."""
        # A block and a follow are rows of two tables: neither would wait for the other's row.
        pair = ":".join(sorted((str(one_id), str(other_id))))
        await self._session.execute(
            select(func.pg_advisory_xact_lock(func.hashtextextended(pair, 0)))
        )

    async def between(self, one_id: UUID, other_id: UUID) -> bool:
        """Tell whether one of the two blocks the other."""
        pair = tuple_(Block.blocker_id, Block.blocked_id)
        query = select(Block.blocker_id).where(
            or_(pair == (one_id, other_id), pair == (other_id, one_id))
        )
        return (await self._session.execute(query.limit(1))).scalar_one_or_none() is not None

    async def add(self, blocker_id: UUID, blocked_id: UUID, *, now: datetime) -> bool:
        """Write a block and hold its row; False when it exists."""
        new = insert(Block).values(blocker_id=blocker_id, blocked_id=blocked_id, blocked_at=now)
        made = await self._session.execute(new.on_conflict_do_nothing().returning(Block.blocker_id))
        return made.scalar_one_or_none() is not None

    async def remove(self, blocker_id: UUID, blocked_id: UUID) -> bool:
        """Delete a block and hold its row; False when there is none."""
        gone = await self._session.execute(
            delete(Block)
            .where(Block.blocker_id == blocker_id, Block.blocked_id == blocked_id)
            .returning(Block.blocker_id)
        )
        return gone.scalar_one_or_none() is not None

    async def list_of(
        self, blocker_id: UUID, *, after: tuple[datetime, UUID] | None, limit: int
    ) -> list[Card]:
        """Return whom somebody blocks, newest first, from the one that follows `after`."""
        place = (Block.blocked_at, Block.blocked_id)
        query = select(Profile.id, Profile.username, Profile.display_name, Block.blocked_at)
        query = query.join(Block, Block.blocked_id == Profile.id)
        query = query.where(Block.blocker_id == blocker_id)
        if after is not None:
            query = query.where(tuple_(*place) < tuple_(*after))
        query = query.order_by(*(column.desc() for column in place)).limit(limit)
        return [Card(*row) for row in await self._session.execute(query)]

    async def list_all(self, *, after: tuple[UUID, UUID] | None, limit: int) -> list[Block]:
        """Return blocks by blocker and blocked, from the one that follows `after`."""
        key = tuple_(Block.blocker_id, Block.blocked_id)
        query = select(Block).order_by(key).limit(limit)
        if after is not None:
            query = query.where(key > after)
        return list((await self._session.execute(query)).scalars())
