"""One transaction's view of notifier, which cannot commit, and that of a read outside of one."""

from dataclasses import dataclass
from typing import Self

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from notifier_service.repositories.emails import Emails
from notifier_service.repositories.follows import Follows
from notifier_service.repositories.notifications import Inbox, Notifications
from notifier_service.repositories.posts import Posts


@dataclass(frozen=True, slots=True)
class Tx:
    session: AsyncSession
    emails: Emails
    follows: Follows
    notifications: Notifications
    posts: Posts

    @classmethod
    def of(cls, session: AsyncSession) -> Self:
        """Bind the repositories to a session that somebody else commits."""
        return cls(
            session, Emails(session), Follows(session), Notifications(session), Posts(session)
        )


@dataclass(frozen=True, slots=True)
class Reads:
    """What one-statement reads need: no transaction, no entities."""

    inbox: Inbox

    @classmethod
    def of(cls, connection: AsyncConnection) -> Self:
        """Bind the repositories to an AUTOCOMMIT connection that somebody else closes."""
        return cls(Inbox(connection))
