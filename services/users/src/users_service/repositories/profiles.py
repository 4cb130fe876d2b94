"""Profiles by the keys they are unique by."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from users_service.models import Profile


@dataclass(frozen=True, slots=True)
class Card:
    """A person as the lists of others show them: `since` is when they came to be in the list."""

    id: UUID
    username: str
    display_name: str
    since: datetime


class Profiles:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, account_id: UUID) -> Profile | None:
        """Return the profile of an account."""
        return await self._session.get(Profile, account_id)

    async def find_by_username(self, username: str) -> Profile | None:
        """Return the profile with a username."""
        query = select(Profile).where(Profile.username == username)
        return (await self._session.execute(query)).scalar_one_or_none()

    async def list_all(self, *, after: UUID | None, limit: int) -> list[Profile]:
        """Return profiles by id, from the one that follows `after`."""
        query = select(Profile).order_by(Profile.id).limit(limit)
        if after is not None:
            query = query.where(Profile.id > after)
        return list((await self._session.execute(query)).scalars())

    async def lock(self, account_id: UUID) -> Profile | None:
        """Return the profile of an account as it is now, locked against other writers."""
        return await self._lock(Profile.id == account_id)

    async def lock_by_username(self, username: str) -> Profile | None:
        """Return the profile with a username as it is now, locked against other writers."""
        return await self._lock(Profile.username == username)

    async def add(self, account_id: UUID, *, username: str, now: datetime) -> bool:
        """Write a new profile; False when the account or the username has one.

        It waits for another request that is writing the same, so that exactly one gets True.
        """
        new = insert(Profile).values(
            id=account_id,
            username=username,
            display_name=username,
            bio="",
            created_at=now,
            updated_at=now,
        )
        made = await self._session.execute(new.on_conflict_do_nothing().returning(Profile.id))
        return made.scalar_one_or_none() is not None

    async def _lock(self, wanted: ColumnElement[bool]) -> Profile | None:
        # Not the stronger FOR UPDATE: a new follower refers to the row and need not wait for it.
        query = select(Profile).where(wanted).with_for_update(key_share=True)
        # What the session read before it had the lock may have changed.
        query = query.execution_options(populate_existing=True)
        return (await self._session.execute(query)).scalar_one_or_none()
