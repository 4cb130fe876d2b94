"""Sessions and their refresh tokens, found by the token's hash."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Exists,
    Insert,
    bindparam,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from auth_service.models import Account, AuditEntry, Base, RefreshToken, Session
from common.db.revocations import add_revocations

# What a login writes of each table.
OPENED: Final[Mapping[type[Base], tuple[str, ...]]] = {
    Session: (
        "id",
        "account_id",
        "created_at",
        "last_used_at",
        "user_agent",
        "device",
        "network",
        "amr",
    ),
    RefreshToken: ("id", "session_id", "token_hash", "expires_at"),
    AuditEntry: (
        "id",
        "occurred_at",
        "action",
        "account_id",
        "actor_id",
        "session_id",
        "impersonator_id",
        "details",
        "personal_hash",
        "personal",
        "salt",
    ),
}


def given(model: type[Base], name: str) -> ColumnElement[Any]:
    """Return the parameter for a column, named after table and column."""
    kind = Base.metadata.tables[model.__tablename__].c[name].type
    return bindparam(f"{model.__tablename__}_{name}", type_=kind)


def opened_values(
    session: Session, token: RefreshToken, entry: Mapping[str, Any]
) -> dict[str, Any]:
    """Return these parameters for a session, its first token and what the audit tells of it."""
    values = {f"{AuditEntry.__tablename__}_{name}": value for name, value in entry.items()}
    for row in (session, token):
        names = OPENED[type(row)]
        values |= {f"{row.__tablename__}_{name}": getattr(row, name) for name in names}
    return values


def had_session(*which: ColumnElement[bool]) -> Exists:
    """Return whether the account has had a session of its owner's before the statement."""
    own = (
        _SESSIONS.account_id == given(Session, "account_id"),
        _SESSIONS.impersonator_id.is_(None),
    )
    return exists().where(*own, *which)


def _insert(model: type[Base]) -> Insert:
    return insert(model).values({name: given(model, name) for name in OPENED[model]})


_SESSIONS: Final = Base.metadata.tables[Session.__tablename__].c
OF_DEVICE: Final = or_(
    _SESSIONS.device == given(Session, "device"),
    _SESSIONS.user_agent == given(Session, "user_agent"),
)
OF_NETWORK: Final = _SESSIONS.network.is_not_distinct_from(given(Session, "network"))
# A login is the busiest of what is audited: neither that nor the comparison costs a statement.
_OPEN: Final = select(had_session(), had_session(OF_DEVICE), had_session(OF_NETWORK)).add_cte(
    _insert(Session).cte("opened"),
    _insert(RefreshToken).cte("given"),
    _insert(AuditEntry).cte("noted"),
)


@dataclass(frozen=True, slots=True)
class Known:
    """What an account had seen before a session was opened: one at all, its device, its network."""

    account: bool
    device: bool
    network: bool

    @property
    def is_elsewhere(self) -> bool:
        """Whether the owner may wonder where the session comes from."""
        return self.account and not (self.device and self.network)


class Sessions:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, session: Session) -> None:
        """Add a session, so that tokens can refer to it."""
        self._session.add(session)
        await self._session.flush()

    async def open(self, session: Session, token: RefreshToken, entry: Mapping[str, Any]) -> Known:
        """Write a session, its first token and what the audit tells of it; return what was known.

        It is one statement.
        """
        values = opened_values(session, token, entry)
        return Known(*(await self._session.execute(_OPEN, values)).one())

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

    async def find_open_locked(self, account_id: UUID, session_id: UUID) -> Session | None:
        """Return a session of an account that has not ended, locked against others."""
        query = select(Session).where(
            Session.id == session_id, Session.account_id == account_id, Session.ended_at.is_(None)
        )
        return (await self._session.execute(query.with_for_update())).scalar_one_or_none()

    async def end(self, session_id: UUID, *, account_id: UUID, now: datetime) -> list[UUID]:
        """End a session of an account; return it, nothing if it has ended or is another's."""
        which = (Session.account_id == account_id, Session.id == session_id)
        return await self._end(*which, now=now)

    async def end_all(
        self, account_id: UUID, *, but: UUID | None = None, now: datetime
    ) -> list[UUID]:
        """End every session of an account, or all but one; return those that ended.

        Those that its owner opened in the name of others are among them.
        """
        opened = or_(Session.account_id == account_id, Session.impersonator_id == account_id)
        return await self._end(opened, *([Session.id != but] if but else []), now=now)

    async def is_open(self, account_id: UUID, session_id: UUID) -> bool:
        """Tell whether this session of the account has not ended."""
        query = select(Session.id).where(
            Session.id == session_id, Session.account_id == account_id, Session.ended_at.is_(None)
        )
        return (await self._session.execute(query)).first() is not None

    async def revoke(self, session_ids: Collection[UUID], *, expires_at: datetime) -> None:
        """Let auth's own processes know that access tokens of these sessions count no longer."""
        await add_revocations(self._session, session_ids, expires_at=expires_at)

    async def _end(self, *which: ColumnElement[bool], now: datetime) -> list[UUID]:
        ended = (
            update(Session)
            .where(Session.ended_at.is_(None), *which)
            .values(ended_at=now)
            .returning(Session.id)
        )
        return list((await self._session.execute(ended)).scalars())


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session as its owner sees it."""

    id: UUID
    created_at: datetime
    last_used_at: datetime
    user_agent: str
    network: str | None
    impersonator_id: UUID | None


class SessionReads:
    """Sessions outside of a transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def is_open(self, account_id: UUID, session_id: UUID) -> bool:
        """Tell whether this session of the account has not ended."""
        query = select(Session.id).where(
            Session.id == session_id, Session.account_id == account_id, Session.ended_at.is_(None)
        )
        return (await self._connection.execute(query)).first() is not None

    async def find_auth_time(self, account_id: UUID, session_id: UUID) -> datetime | None:
        """Return when the owner of an open session showed last who they are."""
        auth_time = func.coalesce(Session.authenticated_at, Session.created_at)
        query = select(auth_time).where(
            Session.id == session_id, Session.account_id == account_id, Session.ended_at.is_(None)
        )
        return (await self._connection.execute(query)).scalar_one_or_none()

    async def was_seen_in(self, network: str, *, email: str, since: datetime) -> bool:
        """Tell whether the owner of an address was in a network since then.

        Sessions that have ended count, too: who logs out is no stranger.
        """
        query = (
            select(Session.id)
            .join(Account, Account.id == Session.account_id)
            .where(
                Account.email == email,
                Session.network == network,
                Session.impersonator_id.is_(None),
                Session.last_used_at > since,
            )
            .limit(1)
        )
        return (await self._connection.execute(query)).first() is not None

    async def list_open(
        self,
        account_id: UUID,
        *,
        used_since: datetime,
        opened_since: datetime,
        impersonated_since: datetime,
        after: UUID | None,
        limit: int,
    ) -> list[OpenSession]:
        """Return the sessions of an account that can still be refreshed, newest first."""
        columns = (
            Session.id,
            Session.created_at,
            Session.last_used_at,
            Session.user_agent,
            Session.network,
            Session.impersonator_id,
        )
        by_owner = Session.impersonator_id.is_(None)
        query = select(*columns).where(
            Session.account_id == account_id,
            Session.ended_at.is_(None),
            Session.last_used_at > used_since,
            Session.created_at > opened_since,
            or_(by_owner, Session.created_at > impersonated_since),
        )
        if after is not None:
            query = query.where(Session.id < after)
        rows = await self._connection.execute(query.order_by(Session.id.desc()).limit(limit))
        return [OpenSession(*row) for row in rows]
