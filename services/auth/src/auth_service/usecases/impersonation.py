"""How staff sees what somebody sees: for minutes, marked, and never as each other."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from auth_service.errors import (
    AccountDisabled,
    AccountNotFound,
    EmailNotVerified,
    OwnAccount,
    StaffNotImpersonated,
)
from auth_service.models import Account, Action, Session
from auth_service.unit_of_work import Tx
from auth_service.usecases.roles import IMPERSONATE, scopes_of
from auth_service.usecases.sessions import SessionPolicy
from common.errors import Forbidden
from common.ids import new_id
from common.tokens import User


@dataclass(frozen=True, slots=True)
class Impersonation:
    """A token that speaks for somebody else, its life in seconds, and the session to end it by."""

    access_token: str
    expires_in: int
    session_id: UUID


async def impersonate_account(
    tx: Tx, *, policy: SessionPolicy, actor: User, account_id: UUID, reason: str, now: datetime
) -> Impersonation:
    """Open a session of an account without a refresh token, whose token names who really acts.

    It ends with the account's other sessions, and with those of who opened it.

    Raises:
        Forbidden: The actor lost the right to it a moment ago.
        AccountNotFound, OwnAccount: The actor may not do this to that account.
        StaffNotImpersonated: The account has a role.
        EmailNotVerified, AccountDisabled: Its owner could not log in either.
    """
    account = await _lock(tx, actor, account_id)
    session = Session(
        id=new_id(),
        account_id=account.id,
        created_at=now,
        last_used_at=now,
        user_agent="",
        impersonator_id=actor.id,
        amr=[],
    )
    await tx.sessions.add(session)
    tx.audit.add(
        Action.IMPERSONATION_STARTED,
        account_id=account.id,
        by=actor,
        details={"session_id": str(session.id)},
        personal={"reason": reason},
    )
    token = policy.signer.sign(
        account,
        session_id=session.id,
        auth_time=now,
        amr=session.amr,
        now=now,
        impersonator_id=actor.id,
        life_seconds=policy.impersonation_seconds,
    )
    return Impersonation(token, policy.impersonation_seconds, session.id)


async def _lock(tx: Tx, actor: User, account_id: UUID) -> Account:
    # Locked first, so that whoever takes the right away ends this session too, or prevents it.
    helper = await tx.accounts.find_locked(actor.id)
    if helper is None or helper.disabled_at or IMPERSONATE not in scopes_of(helper.roles):
        raise Forbidden
    if account_id == actor.id:
        raise OwnAccount
    account = await tx.accounts.find_locked(account_id)
    if account is None:
        raise AccountNotFound
    if account.roles:
        raise StaffNotImpersonated
    if account.verified_at is None:
        raise EmailNotVerified
    if account.disabled_at is not None:
        raise AccountDisabled
    return account
