"""Mailed links: made, looked up for the mail, and used up once."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.models import Link, LinkPurpose
from auth_service.models.links import CHALLENGED


class Links:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def replace(self, link: Link) -> None:
        """Add a link; unused ones of the same account and purpose stop working."""
        await self._session.execute(
            delete(Link).where(
                Link.account_id == link.account_id,
                Link.purpose == link.purpose,
                Link.used_at.is_(None),
            )
        )
        self._session.add(link)

    def add(self, link: Link) -> None:
        """Add a link beside others of the same account and purpose."""
        self._session.add(link)

    async def find_open(self, link_id: UUID, *, now: datetime) -> Link | None:
        """Return a link that can still be used."""
        query = select(Link).where(
            Link.id == link_id, Link.used_at.is_(None), Link.expires_at > now
        )
        return (await self._session.execute(query)).scalar_one_or_none()

    async def use(self, link_id: UUID, purpose: LinkPurpose, *, now: datetime) -> UUID | None:
        """Use a link up and return its account; of many at once exactly one gets it."""
        query = (
            update(Link)
            .where(
                Link.id == link_id,
                Link.purpose == purpose,
                Link.used_at.is_(None),
                Link.expires_at > now,
            )
            .values(used_at=now)
            .returning(Link.account_id)
        )
        return (await self._session.execute(query)).scalar_one_or_none()

    async def count_opened(self, account_id: UUID, purpose: LinkPurpose, *, since: datetime) -> int:
        """Return how many links of this purpose the account got since then, used or not."""
        query = select(func.count()).where(
            Link.account_id == account_id, Link.purpose == purpose, Link.created_at > since
        )
        return (await self._session.execute(query)).scalar_one()

    async def forget_challenged(self, *, before: datetime) -> None:
        """Remove the links of challenges that were made before a time."""
        await self._session.execute(
            delete(Link).where(Link.purpose.in_(CHALLENGED), Link.created_at < before)
        )

    async def withdraw(self, account_id: UUID) -> None:
        """Make every unused link of an account stop working."""
        await self._session.execute(
            delete(Link).where(Link.account_id == account_id, Link.used_at.is_(None))
        )
