"""One transaction's view of auth, which cannot commit, and the view of a read outside of one."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Self

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from auth_service.repositories.accounts import AccountReads, Accounts
from auth_service.repositories.audit import Audit, AuditReads, Origin
from auth_service.repositories.challenges import Challenges
from auth_service.repositories.links import Links
from auth_service.repositories.mail_requests import MailRequests
from auth_service.repositories.personal_keys import PersonalKeyReads, PersonalKeys
from auth_service.repositories.sessions import SessionReads, Sessions
from auth_service.repositories.signing_keys import SigningKeyReads, SigningKeys
from common.outbox import Outbox


@dataclass(frozen=True, slots=True)
class Tx:
    session: AsyncSession
    outbox: Outbox
    accounts: Accounts
    audit: Audit
    challenges: Challenges
    links: Links
    mail_requests: MailRequests
    personal_keys: PersonalKeys
    sessions: Sessions
    signing_keys: SigningKeys

    @classmethod
    def of(cls, session: AsyncSession, origin: Origin | None = None) -> Self:
        """Bind the repositories to a session that somebody else commits; tell where it is from."""
        return cls(
            session,
            Outbox(session),
            Accounts(session),
            Audit(session, origin or {}),
            Challenges(session),
            Links(session),
            MailRequests(session),
            PersonalKeys(session),
            Sessions(session),
            SigningKeys(session),
        )


@dataclass(frozen=True, slots=True)
class Reads:
    """What one-statement reads need: no transaction, no entities."""

    accounts: AccountReads
    personal_keys: PersonalKeyReads
    audit: AuditReads
    sessions: SessionReads
    signing_keys: SigningKeyReads

    @classmethod
    def of(cls, connection: AsyncConnection) -> Self:
        """Bind the repositories to an AUTOCOMMIT connection that somebody else closes."""
        return cls(
            AccountReads(connection),
            PersonalKeyReads(connection),
            AuditReads(connection),
            SessionReads(connection),
            SigningKeyReads(connection),
        )


type OpenReads = Callable[[], AbstractAsyncContextManager[Reads]]
