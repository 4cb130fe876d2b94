"""How an account's password changes: by who knows the present one, or reads the account's mail.

Either way all sessions end, and the owner is told by mail.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime

from auth_service.errors import LinkInvalid, PasswordWrong
from auth_service.models import Account, LinkPurpose
from auth_service.unit_of_work import Reads, Tx
from auth_service.usecases.links import LinkSigner
from auth_service.usecases.passwords import Passwords
from auth_service.usecases.sessions import SessionPolicy, revoke_sessions
from common.contracts import PasswordChanged
from common.tokens import InvalidToken, User

type OpenReads = Callable[[], AbstractAsyncContextManager[Reads]]


async def change_password(
    tx: Tx,
    *,
    open_reads: OpenReads,
    passwords: Passwords,
    policy: SessionPolicy,
    user: User,
    current_password: str,
    new_password: str,
    now: datetime,
) -> None:
    """Replace the caller's password, of whom a token alone is not proof enough.

    Raises:
        InvalidToken: The caller's session has ended.
        PasswordWrong: The present password is another, or was changed meanwhile.
        PasswordTooShort, PasswordTooLong, PasswordTooCommon: The new one is refused.
        PasswordsBusy: Too many passwords are being hashed.
    """
    # Before the transaction's first statement: no connection is held while passwords are hashed.
    async with open_reads() as reads:
        identity = await reads.accounts.find_by_session(user.id, user.sid)
    if identity is None:
        raise InvalidToken
    if not await passwords.matches(current_password, identity.password_hash):
        raise PasswordWrong(field="current_password")
    new_hash = await passwords.hash_new(
        new_password, related=[identity.email, identity.username], field="new_password"
    )
    account = await tx.accounts.lock(user.id)
    if account.password_hash != identity.password_hash:
        raise PasswordWrong(field="current_password")
    await _replace_password(tx, policy, account, new_hash, now=now)


async def reset_password(
    tx: Tx,
    *,
    open_reads: OpenReads,
    signer: LinkSigner,
    passwords: Passwords,
    policy: SessionPolicy,
    token: str,
    password: str,
    now: datetime,
) -> None:
    """Replace an account's password with the token of the mailed link, once.

    A password that is refused does not use the link up.

    Raises:
        LinkInvalid: The token is forged, used, replaced or too old.
        PasswordTooShort, PasswordTooLong, PasswordTooCommon: The password is refused.
        PasswordsBusy: Too many passwords are being hashed.
    """
    link_id = signer.read(token, LinkPurpose.RESET_PASSWORD)
    async with open_reads() as reads:
        identity = await reads.accounts.find_by_link(link_id, now=now)
    if identity is None:
        raise LinkInvalid
    new_hash = await passwords.hash_new(password, related=[identity.email, identity.username])
    # The account first, as everywhere: whoever replaces the link holds it, too.
    account = await tx.accounts.lock(identity.id)
    if await tx.links.use(link_id, LinkPurpose.RESET_PASSWORD, now=now) is None:
        raise LinkInvalid
    await _replace_password(tx, policy, account, new_hash, now=now)


async def _replace_password(
    tx: Tx, policy: SessionPolicy, account: Account, new_hash: str, *, now: datetime
) -> None:
    account.password_hash = new_hash
    ended = await tx.sessions.end_all(account.id, now=now)
    await revoke_sessions(tx, policy=policy, account_id=account.id, session_ids=ended, now=now)
    await tx.links.withdraw(account.id)
    event = PasswordChanged(
        account_id=account.id, email=account.email, username=account.username, changed_at=now
    )
    await tx.outbox.add(event, key=account.id)
