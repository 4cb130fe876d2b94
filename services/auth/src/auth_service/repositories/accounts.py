"""Accounts by the keys they are unique by."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from auth_service.errors import UsernameTaken
from auth_service.models import Account
from common.db.violations import constraint_of


class Accounts:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, account_id: UUID) -> Account:
        """Return an account that must exist."""
        return await self._session.get_one(Account, account_id)

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

    async def username_is_taken(self, username: str) -> bool:
        """Tell whether any account has the username."""
        query = select(Account.id).where(Account.username == username)
        return (await self._session.execute(query)).first() is not None

    async def save(self, account: Account) -> bool:
        """Write an account; False when another request registered the address meanwhile.

        Raises:
            UsernameTaken: Another account has the username.
        """
        username = account.username
        try:
            async with self._session.begin_nested():
                self._session.add(account)
        except IntegrityError as error:
            match constraint_of(error):
                case "uq_accounts_username":
                    raise UsernameTaken(username=username, field="username") from error
                case "uq_accounts_email":
                    return False
            raise
        return True


class AccountReads:
    """Accounts outside of a transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def find_password_hash(self, email: str) -> str | None:
        """Return the hash of an address's password."""
        query = select(Account.password_hash).where(Account.email == email)
        return (await self._connection.execute(query)).scalar_one_or_none()
