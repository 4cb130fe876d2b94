"""Mail to send: each row is added once, claimed by one sender at a time, and closed by it alone."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from common.db import write_later
from notifier_service.models import Email, EmailStatus

_ADD: Final = insert(Email).on_conflict_do_nothing()


class Emails:
    """`added` is the trace of the last mail that this transaction has made for the senders."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self.added: Mapping[str, str] | None = None

    async def add(self, **values: Any) -> None:
        """Add a mail, unless it was added before; then a sender looks in vain, once."""
        write_later(self._session, _ADD, values)
        self.added = values["trace"]

    async def claim(
        self, *, due: datetime, limit: int, lease_token: UUID, leased_until: datetime
    ) -> Sequence[Email]:
        """Return mails that are due, each given to this lease alone, with an attempt counted."""
        query = (
            select(Email)
            .where(Email.status == EmailStatus.PENDING, Email.next_at <= due)
            .order_by(Email.next_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        claimed = (await self._session.scalars(query)).all()
        for email in claimed:
            email.lease_token, email.next_at = lease_token, leased_until
            email.attempts += 1
        return claimed

    async def settle(self, email: Email, **changes: Any) -> None:
        """Write what became of a claimed mail, if its lease is still the same; the lease ends."""
        settled = (
            update(Email)
            .where(Email.id == email.id, Email.lease_token == email.lease_token)
            .values(lease_token=None, **changes)
        )
        await self._session.execute(settled)
