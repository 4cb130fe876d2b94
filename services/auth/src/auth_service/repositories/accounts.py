"""Accounts by the keys they are unique by."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, delete, func, literal, not_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from auth_service.errors import UsernameTaken
from auth_service.models import Account, Link, Session
from auth_service.models.usernames import SKELETON, skeleton
from common.db.violations import constraint_of

_USERNAME: Final = ("uq_accounts_username", "uq_accounts_username_skeleton")


class Accounts:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, account_id: UUID) -> Account:
        """Return an account that must exist."""
        return await self._session.get_one(Account, account_id)

    async def lock(self, account_id: UUID) -> Account:
        """Return an account that must exist as it is now, locked against others."""
        return await self._session.get_one(
            Account, account_id, with_for_update=True, populate_existing=True
        )

    async def find_locked(self, account_id: UUID) -> Account | None:
        """Return an account as it is now, locked against others."""
        return await self._session.get(
            Account, account_id, with_for_update=True, populate_existing=True
        )

    async def find_by_email(self, email: str, *, lock: bool = False) -> Account | None:
        """Return the account of an address, locked against others if asked."""
        query = select(Account).where(Account.email == email)
        if lock:
            query = query.with_for_update()
        return (await self._session.execute(query)).scalar_one_or_none()

    async def list_verified(self, *, after: UUID | None, limit: int) -> list[Account]:
        """Return verified accounts by id, from the one that follows `after`."""
        query = select(Account).where(Account.verified_at.is_not(None)).order_by(Account.id)
        if after is not None:
            query = query.where(Account.id > after)
        return list((await self._session.execute(query.limit(limit))).scalars())

    async def username_is_taken(self, username: str, *, email: str) -> bool:
        """Tell whether a username, or one that looks like it, is not free for an address.

        The unverified account of that address does not count: it may be registered again.
        """
        own = and_(Account.email == email, Account.verified_at.is_(None))
        query = select(Account.id).where(literal(skeleton(username)) == SKELETON, not_(own))
        found = await self._session.execute(query)
        return found.first() is not None

    async def register(self, account: Account) -> Account:
        """Write an account and return the one of its address as it is now, locked against others.

        One that exists takes username and password over, unless it is verified: then it stays as
        it is. It is the same statement in each case.

        Raises:
            UsernameTaken: Another account has the username, or one that looks like it.
        """
        names = ("id", "email", "username", "password_hash")
        row = insert(Account).values({name: getattr(account, name) for name in names})
        verified = Account.verified_at.is_not(None)
        kept = {
            name: case((verified, getattr(Account, name)), else_=row.excluded[name])
            for name in ("username", "password_hash")
        }
        upsert = row.on_conflict_do_update(
            index_elements=[Account.email], set_=kept | {"updated_at": func.now()}
        ).returning(Account)
        try:
            return (await self._session.scalars(upsert)).one()
        except IntegrityError as error:
            if constraint_of(error) in _USERNAME:
                raise UsernameTaken(username=account.username, field="username") from error
            raise

    async def remove_unverified(self, email: str) -> None:
        """Delete the account of an address that nobody has verified."""
        await self._session.execute(
            delete(Account).where(Account.email == email, Account.verified_at.is_(None))
        )

    async def save(self, account: Account) -> bool:
        """Write an account; False when another one has the address.

        Raises:
            UsernameTaken: Another account has the username, or one that looks like it.
        """
        username = account.username
        try:
            async with self._session.begin_nested():
                self._session.add(account)
        except IntegrityError as error:
            constraint = constraint_of(error)
            if constraint in _USERNAME:
                raise UsernameTaken(username=username, field="username") from error
            if constraint == "uq_accounts_email":
                return False
            raise
        return True


@dataclass(frozen=True, slots=True)
class Identity:
    """What somebody logs in with."""

    id: UUID
    email: str
    username: str
    password_hash: str


@dataclass(frozen=True, slots=True)
class AccountCard:
    """An account as the platform's people see it."""

    id: UUID
    email: str
    username: str
    roles: list[str]
    created_at: datetime
    verified_at: datetime | None
    disabled_at: datetime | None


_CARD: Final = (
    Account.id,
    Account.email,
    Account.username,
    Account.roles,
    Account.created_at,
    Account.verified_at,
    Account.disabled_at,
)


class AccountReads:
    """Accounts outside of a transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def find_by_session(self, account_id: UUID, session_id: UUID) -> Identity | None:
        """Return the account whose session this is, unless that has ended."""
        session = select(Session.account_id).where(
            Session.id == session_id, Session.ended_at.is_(None)
        )
        return await self._find(Account.id == account_id, Account.id.in_(session))

    async def find_by_link(self, link_id: UUID, *, now: datetime) -> Identity | None:
        """Return the account that a link was mailed to, if it can still be used."""
        link = select(Link.account_id).where(
            Link.id == link_id, Link.used_at.is_(None), Link.expires_at > now
        )
        return await self._find(Account.id.in_(link))

    async def find_card(self, account_id: UUID) -> AccountCard | None:
        """Return an account as the platform's people see it."""
        query = select(*_CARD).where(Account.id == account_id)
        row = (await self._connection.execute(query)).one_or_none()
        return AccountCard(*row) if row else None

    async def search(self, query: str, *, after: UUID | None, limit: int) -> list[AccountCard]:
        """Return accounts by id, after `after`: of an address, or by how the username begins."""
        found = select(*_CARD).order_by(Account.id).limit(limit)
        text = query.lower()
        if "@" in text:
            found = found.where(Account.email == text)
        elif text:
            found = found.where(Account.username.startswith(text, autoescape=True))
        if after is not None:
            found = found.where(Account.id > after)
        return [AccountCard(*row) for row in await self._connection.execute(found)]

    async def _find(self, *conditions: ColumnElement[bool]) -> Identity | None:
        query = select(Account.id, Account.email, Account.username, Account.password_hash)
        row = (await self._connection.execute(query.where(*conditions))).one_or_none()
        return Identity(*row) if row else None
