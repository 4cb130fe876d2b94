"""Showing again who one is: whoever found an open browser does not change what one logs in with."""

from datetime import datetime

from auth_service.errors import CodeInvalid, PasswordWrong, ReauthenticationRequired
from auth_service.models import Account, Action, LinkPurpose
from auth_service.repositories.accounts import Identity
from auth_service.unit_of_work import OpenReads, Reads, Tx
from auth_service.usecases.challenges import Prover, open_challenge, prove_by_code
from auth_service.usecases.passwords import Passwords
from auth_service.usecases.sessions import Method, SessionPolicy
from common.tokens import InvalidToken, User

_PURPOSE = LinkPurpose.REAUTHENTICATE


async def require_recent(reads: Reads, *, policy: SessionPolicy, user: User, now: datetime) -> None:
    """Refuse what is risky, unless the caller has shown lately in this session who they are.

    Raises:
        InvalidToken: The caller's session has ended.
        ReauthenticationRequired: They have to do it again.
    """
    auth_time = await reads.sessions.find_auth_time(user.id, user.sid)
    if auth_time is None:
        raise InvalidToken
    if now - auth_time > policy.recent_life:
        raise ReauthenticationRequired


async def prove_identity(
    tx: Tx,
    *,
    open_reads: OpenReads,
    passwords: Passwords,
    policy: SessionPolicy,
    user: User,
    password: str | None,
    field: str = "password",
    now: datetime,
) -> Identity:
    """Return what the caller logs in with, who knows the password or has shown lately who they are.

    No connection is held while the password is hashed.

    Raises:
        InvalidToken: The caller's session has ended.
        PasswordWrong: The password is another.
        PasswordsBusy: Too many passwords are being hashed.
        ReauthenticationRequired: There is none, and they have not.
    """
    async with open_reads() as reads:
        identity = await reads.accounts.find_by_session(user.id, user.sid)
        if password is None:
            await require_recent(reads, policy=policy, user=user, now=now)
    if identity is None:
        raise InvalidToken
    if password is not None and not await passwords.matches(password, identity.password_hash):
        raise password_refused(tx, user, field=field)
    return identity


def password_refused(tx: Tx, user: User, *, field: str = "password") -> PasswordWrong:
    """Note that somebody with the user's token does not know the password."""
    tx.audit.add(Action.PASSWORD_REFUSED, account_id=user.id, by=user)
    return PasswordWrong(field=field)


async def request_reauthentication(
    tx: Tx, *, open_reads: OpenReads, prover: Prover, user: User, mail: bool, now: datetime
) -> str:
    """Ask for a mail with a code to the caller's address; return the nonce that it takes besides.

    Raises:
        InvalidToken: The caller's session has ended.
    """
    async with open_reads() as reads:
        identity = await reads.accounts.find_by_session(user.id, user.sid)
    if identity is None:
        raise InvalidToken
    return await open_challenge(
        tx,
        prover=prover,
        email=identity.email,
        purpose=_PURPOSE,
        account_id=user.id,
        mail=mail,
        now=now,
    )


async def reauthenticate_by_password(
    tx: Tx,
    *,
    open_reads: OpenReads,
    policy: SessionPolicy,
    passwords: Passwords,
    user: User,
    password: str,
    now: datetime,
) -> str:
    """Note that the caller knows the password; return an access token that tells it.

    Raises:
        InvalidToken: The caller's session has ended.
        PasswordWrong: The password is another.
        PasswordsBusy: Too many passwords are being hashed.
    """
    identity = await prove_identity(
        tx,
        open_reads=open_reads,
        passwords=passwords,
        policy=policy,
        user=user,
        password=password,
        now=now,
    )
    account = await tx.accounts.lock(user.id)
    if account.password_hash != identity.password_hash:
        raise password_refused(tx, user)
    return await _renew(tx, policy, account, user, method=Method.PASSWORD, now=now)


async def reauthenticate_by_code(
    tx: Tx,
    *,
    policy: SessionPolicy,
    prover: Prover,
    user: User,
    nonce: str,
    code: str,
    now: datetime,
) -> str:
    """Note that the caller reads the account's mail; return an access token that tells it.

    Raises:
        InvalidToken: The caller's session has ended.
        CodeInvalid: The code is wrong, used, too old, of another client, or one too many.
    """
    account = await prove_by_code(
        tx, prover=prover, purpose=_PURPOSE, nonce=nonce, code=code, now=now
    )
    # Whoever has a mailbox of their own and somebody else's session has shown nothing.
    if account.id != user.id:
        raise CodeInvalid(field="code")
    return await _renew(tx, policy, account, user, method=Method.EMAIL, now=now)


async def _renew(
    tx: Tx, policy: SessionPolicy, account: Account, user: User, *, method: Method, now: datetime
) -> str:
    session = await tx.sessions.find_open_locked(account.id, user.sid)
    if session is None:
        raise InvalidToken
    session.authenticated_at, session.amr = now, [method]
    details = {"method": str(method)}
    tx.audit.add(Action.REAUTHENTICATED, account_id=account.id, by=user, details=details)
    return policy.signer.sign(
        account, session_id=session.id, auth_time=now, amr=session.amr, now=now
    )
