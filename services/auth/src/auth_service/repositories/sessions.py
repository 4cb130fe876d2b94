"""Sessions and their refresh tokens, found by the token's hash."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.models import RefreshToken, Session


class Sessions:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, session: Session) -> None:
        """Add a session, so that tokens can refer to it."""
        self._session.add(session)
        await self._session.flush()

    def add_token(self, token: RefreshToken) -> None:
        """Add a refresh token to its session."""
        self._session.add(token)

    async def find_by_token(self, token_hash: bytes) -> tuple[RefreshToken, Session] | None:
        """Return a token and its session, both locked: parallel refreshes take turns."""
        query = (
            select(RefreshToken, Session)
            .join(Session, Session.id == RefreshToken.session_id)
            .where(RefreshToken.token_hash == token_hash)
            .with_for_update()
        )
        row = (await self._session.execute(query)).one_or_none()
        return (row[0], row[1]) if row else None

    async def end(self, session_id: UUID, *, now: datetime) -> None:
        """End a session: none of its tokens is accepted any more."""
        await self._session.execute(
            update(Session)
            .where(Session.id == session_id, Session.ended_at.is_(None))
            .values(ended_at=now)
        )

    async def end_all(self, account_id: UUID, *, now: datetime) -> None:
        """End every session of an account."""
        await self._session.execute(
            update(Session)
            .where(Session.account_id == account_id, Session.ended_at.is_(None))
            .values(ended_at=now)
        )
