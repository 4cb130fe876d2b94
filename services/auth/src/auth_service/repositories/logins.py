"""A login as most are: two statements of the driver, each a transaction of its own.

Beside a hash of 20 ms, a login cost 3.4 ms, of which SQLAlchemy took almost half (ADR 15).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import CTE, ColumnElement, Insert, bindparam, insert, select

from auth_service.models import Account, AuditEntry, Base, RefreshToken, Session
from auth_service.repositories.sessions import (
    OF_DEVICE,
    OF_NETWORK,
    OPENED,
    given,
    had_session,
    opened_values,
)
from common.db import Executor, Statement


@dataclass(frozen=True, slots=True)
class Credentials:
    """What somebody logs in with."""

    account_id: UUID
    password_hash: str


@dataclass(frozen=True, slots=True)
class Holder:
    """For whom a session was opened, as access tokens tell it."""

    id: UUID
    username: str
    roles: list[str]


class Logins:
    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def find(self, email: str) -> Credentials | None:
        """Return what the account of an address is logged in to with."""
        row = await self._executor.first(_FIND, email=email)
        return Credentials(*row) if row else None

    async def open(
        self,
        session: Session,
        token: RefreshToken,
        entry: Mapping[str, Any],
        *,
        password_hash: str,
    ) -> Holder | None:
        """Write a session, its first token and what the audit tells of it, if it is no news.

        It is news where the account has other credentials by now, was not verified or is disabled,
        and where no session before had this device, or none came from this network.

        Returns:
            The account as it is; None if nothing was written.
        """
        values = opened_values(session, token, entry)
        row = await self._executor.first(_OPEN, **values, password_hash=password_hash)
        return Holder(*row) if row else None


def _insert_for(account: CTE, model: type[Base]) -> Insert:
    names = OPENED[model]
    values = select(*(given(model, name) for name in names)).select_from(account)
    return insert(model).from_select(names, values)


def _open() -> Statement:
    """Return the statement that opens a session.

    The account is locked so that whoever changes it meanwhile ends this session too, or prevents
    it: a lock that had to be waited for shows the row as it is then. Logins share it.
    """
    usable: tuple[ColumnElement[bool], ...] = (
        Account.id == given(Session, "account_id"),
        Account.password_hash == bindparam("password_hash"),
        Account.verified_at.is_not(None),
        Account.disabled_at.is_(None),
    )
    account = (
        select(Account.username, Account.roles, Account.id)
        .where(*usable, had_session(OF_DEVICE), had_session(OF_NETWORK))
        .with_for_update(read=True)
        .cte("account")
    )
    parts = [
        _insert_for(account, model).cte(f"{model.__tablename__}_written")
        for model in (Session, RefreshToken, AuditEntry)
    ]
    return Statement(select(account.c.id, account.c.username, account.c.roles).add_cte(*parts))


_FIND: Final = Statement(
    select(Account.id, Account.password_hash).where(Account.email == bindparam("email"))
)
_OPEN: Final = _open()
