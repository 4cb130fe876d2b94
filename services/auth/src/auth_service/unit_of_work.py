"""One transaction's view of auth: its session, repositories and outbox. It cannot commit."""

from dataclasses import dataclass
from typing import Self

from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.repositories.accounts import Accounts
from auth_service.repositories.links import Links
from auth_service.repositories.sessions import Sessions
from common.outbox import Outbox


@dataclass(frozen=True, slots=True)
class Tx:
    session: AsyncSession
    outbox: Outbox
    accounts: Accounts
    links: Links
    sessions: Sessions

    @classmethod
    def of(cls, session: AsyncSession) -> Self:
        """Bind the repositories to a session that somebody else commits."""
        return cls(session, Outbox(session), Accounts(session), Links(session), Sessions(session))
