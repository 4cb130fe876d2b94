"""What the platform's people do to accounts. Each change is effective everywhere within seconds:
the sessions of the account end.

`actor` is who does it: the user of a token, or an operator, whose service the caller has verified.
"""

import secrets
from datetime import datetime
from uuid import UUID

from auth_service.errors import AccountNotFound, OwnAccount, StaffProtected
from auth_service.models import Account, Action, LinkPurpose, Role
from auth_service.repositories.accounts import AccountCard
from auth_service.repositories.audit import Operator
from auth_service.unit_of_work import Reads, Tx
from auth_service.usecases.mail_requests import request_mail
from auth_service.usecases.passwords import Passwords
from auth_service.usecases.personal_keys import revoke_excessive_keys, revoke_keys
from auth_service.usecases.roles import WRITE_ROLES
from auth_service.usecases.sessions import SessionPolicy, revoke_sessions
from common.tokens import User

type Actor = User | Operator


async def search_accounts(
    reads: Reads, *, query: str, after: UUID | None, limit: int
) -> list[AccountCard]:
    """List accounts by id, after `after`: of an address, or whose username begins with `query`."""
    return await reads.accounts.search(query, after=after, limit=limit)


async def read_account(reads: Reads, *, account_id: UUID) -> AccountCard:
    """Return an account.

    Raises:
        AccountNotFound: There is none.
    """
    account = await reads.accounts.find_card(account_id)
    if account is None:
        raise AccountNotFound
    return account


async def disable_account(
    tx: Tx, *, policy: SessionPolicy, actor: Actor, account_id: UUID, now: datetime
) -> None:
    """Let nobody log in to an account; saying so again changes nothing.

    Raises:
        AccountNotFound, OwnAccount, StaffProtected: The actor may not do this to that account.
    """
    account = await _lock(tx, actor, account_id)
    if account.disabled_at is None:
        account.disabled_at = now
        tx.audit.add(Action.ACCOUNT_DISABLED, account_id=account.id, by=actor)
    await tx.links.withdraw(account.id)
    await revoke_keys(tx, actor=actor, account_id=account.id, now=now)
    await _end_sessions(tx, policy, account, now=now)


async def enable_account(tx: Tx, *, actor: Actor, account_id: UUID) -> None:
    """Let the owner of an account log in again.

    Raises:
        AccountNotFound, OwnAccount, StaffProtected: The actor may not do this to that account.
    """
    account = await _lock(tx, actor, account_id)
    if account.disabled_at is not None:
        account.disabled_at = None
        tx.audit.add(Action.ACCOUNT_ENABLED, account_id=account.id, by=actor)


async def log_out_account(
    tx: Tx, *, policy: SessionPolicy, actor: Actor, account_id: UUID, now: datetime
) -> None:
    """End all sessions of an account.

    Raises:
        AccountNotFound, OwnAccount, StaffProtected: The actor may not do this to that account.
    """
    account = await _lock(tx, actor, account_id)
    tx.audit.add(Action.ACCOUNT_LOGGED_OUT, account_id=account.id, by=actor)
    await _end_sessions(tx, policy, account, now=now)


async def force_reset(
    tx: Tx,
    *,
    policy: SessionPolicy,
    passwords: Passwords,
    actor: Actor,
    account_id: UUID,
    now: datetime,
) -> None:
    """Make an account's password worthless; its owner is mailed how to choose another.

    Raises:
        AccountNotFound, OwnAccount, StaffProtected: The actor may not do this to that account.
        PasswordsBusy: Too many passwords are being hashed.
    """
    # Before the transaction's first statement: no connection is held while it is hashed.
    nobody_knows = await passwords.hash_new(secrets.token_urlsafe(32), related=[])
    account = await _lock(tx, actor, account_id)
    account.password_hash = nobody_knows
    tx.audit.add(Action.RESET_FORCED, account_id=account.id, by=actor)
    await revoke_keys(tx, actor=actor, account_id=account.id, now=now)
    await _end_sessions(tx, policy, account, now=now)
    await request_mail(tx, email=account.email, purpose=LinkPurpose.RESET_PASSWORD, now=now)


async def grant_role(
    tx: Tx,
    *,
    policy: SessionPolicy,
    actor: Actor,
    account_id: UUID,
    role: Role,
    now: datetime,
) -> None:
    """Give an account a role; its owner logs in again to use it.

    Raises:
        AccountNotFound, OwnAccount, StaffProtected: The actor may not do this to that account.
    """
    account = await _lock(tx, actor, account_id)
    if role not in account.roles:
        tx.audit.add(Action.ROLE_GRANTED, account_id=account.id, by=actor, details={"role": role})
        await _set_roles(tx, policy, actor, account, {*account.roles, role}, now=now)


async def withdraw_role(
    tx: Tx,
    *,
    policy: SessionPolicy,
    actor: Actor,
    account_id: UUID,
    role: Role,
    now: datetime,
) -> None:
    """Take a role from an account.

    Raises:
        AccountNotFound, OwnAccount, StaffProtected: The actor may not do this to that account.
    """
    account = await _lock(tx, actor, account_id)
    if role in account.roles:
        tx.audit.add(Action.ROLE_WITHDRAWN, account_id=account.id, by=actor, details={"role": role})
        await _set_roles(tx, policy, actor, account, {*account.roles} - {role}, now=now)


async def _lock(tx: Tx, actor: Actor, account_id: UUID) -> Account:
    account = await tx.accounts.find_locked(account_id)
    if account is None:
        raise AccountNotFound
    if isinstance(actor, User):
        # So there is always an admin left: the last one has nobody else to be removed by.
        if actor.id == account.id:
            raise OwnAccount
        if account.roles and WRITE_ROLES not in actor.scope:
            raise StaffProtected
    return account


async def _set_roles(
    tx: Tx,
    policy: SessionPolicy,
    actor: Actor,
    account: Account,
    roles: set[str],
    *,
    now: datetime,
) -> None:
    account.roles = sorted(roles)
    await revoke_excessive_keys(tx, actor=actor, account=account, now=now)
    # Tokens tell the roles that their owner had when they were signed.
    await _end_sessions(tx, policy, account, now=now)


async def _end_sessions(tx: Tx, policy: SessionPolicy, account: Account, *, now: datetime) -> None:
    ended = await tx.sessions.end_all(account.id, now=now)
    await revoke_sessions(tx, policy=policy, account_id=account.id, session_ids=ended, now=now)
