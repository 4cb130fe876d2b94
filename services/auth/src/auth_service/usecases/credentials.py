"""How what one logs in with changes: by who knows the password, or reads the account's mail.

A token alone is not proof enough, unless its owner has shown lately who they are. They are told by
mail, at the address that was theirs.
"""

from datetime import datetime

from auth_service.errors import EmailTaken, LinkInvalid
from auth_service.models import Account, Action, LinkPurpose
from auth_service.repositories.audit import Owner
from auth_service.unit_of_work import OpenReads, Tx
from auth_service.usecases.links import LinkSigner, use_link
from auth_service.usecases.mail_requests import request_mail
from auth_service.usecases.passwords import Passwords
from auth_service.usecases.personal_keys import revoke_keys
from auth_service.usecases.reauthentication import password_refused, prove_identity
from auth_service.usecases.sessions import SessionPolicy, revoke_sessions
from auth_service.usecases.usernames import Usernames
from common.contracts import EmailChanged, PasswordChanged, UsernameChanged
from common.tokens import User


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
    """Replace the caller's password; all sessions end.

    A proof of lately is not enough: who has got hold of a session or of the mailbox would keep the
    account.

    Raises:
        InvalidToken: The caller's session has ended.
        PasswordWrong: The present password is another, or was changed meanwhile.
        PasswordTooShort, PasswordTooLong, PasswordTooCommon: The new one is refused.
        PasswordsBusy: Too many passwords are being hashed.
    """
    # Before the transaction's first statement: no connection is held while passwords are hashed.
    identity = await prove_identity(
        tx,
        open_reads=open_reads,
        passwords=passwords,
        policy=policy,
        user=user,
        password=current_password,
        field="current_password",
        now=now,
    )
    new_hash = await passwords.hash_new(
        new_password, related=[identity.email, identity.username], field="new_password"
    )
    account = await tx.accounts.lock(user.id)
    if account.password_hash != identity.password_hash:
        raise password_refused(tx, user, field="current_password")
    tx.audit.add(Action.PASSWORD_CHANGED, account_id=account.id, by=user)
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
    """Replace an account's password with the token of the mailed link, once; all sessions end.

    So do all personal access tokens. A password that is refused does not use the link up.

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
    owner = Owner(account.id)
    tx.audit.add(Action.PASSWORD_RESET, account_id=account.id, by=owner)
    await _replace_password(tx, policy, account, new_hash, now=now)
    # Who had got hold of the account may have issued tokens; its owner issues others.
    await revoke_keys(tx, actor=owner, account_id=account.id, now=now)


async def request_email_change(
    tx: Tx,
    *,
    open_reads: OpenReads,
    passwords: Passwords,
    policy: SessionPolicy,
    user: User,
    email: str,
    password: str | None,
    mail: bool,
    now: datetime,
) -> None:
    """Ask for a mail to a new address, whose link makes it the caller's.

    Without the password they must have shown lately who they are. Without `mail` nothing is mailed.

    Raises:
        InvalidToken: The caller's session has ended.
        ReauthenticationRequired: The password is missing, and they have not.
        PasswordWrong: The password is another.
        PasswordsBusy: Too many passwords are being hashed.
    """
    await prove_identity(
        tx,
        open_reads=open_reads,
        passwords=passwords,
        policy=policy,
        user=user,
        password=password,
        now=now,
    )
    if mail:
        await request_mail(
            tx, email=email, purpose=LinkPurpose.CHANGE_EMAIL, account_id=user.id, now=now
        )


async def confirm_email(tx: Tx, *, signer: LinkSigner, token: str, now: datetime) -> None:
    """Make an address an account's with the token of the link that was mailed to it, once.

    Raises:
        LinkInvalid: The token is forged, used, replaced or too old.
        EmailTaken: The address has become another account's meanwhile.
    """
    purpose = LinkPurpose.CHANGE_EMAIL
    account, link = await use_link(tx, signer=signer, token=token, purpose=purpose, now=now)
    if link.email is None:
        raise LinkInvalid
    # Who reads the mail has proved what whoever registered the address never did.
    await tx.accounts.remove_unverified(link.email)
    old_email, account.email = account.email, link.email
    if not await tx.accounts.save(account):
        raise EmailTaken
    # What was mailed to the former address works no longer.
    await tx.links.withdraw(account.id)
    addresses = {"old_email": old_email, "email": account.email}
    owner = Owner(account.id)
    tx.audit.add(Action.EMAIL_CHANGED, account_id=owner.id, by=owner, personal=addresses)
    event = EmailChanged(
        account_id=account.id,
        old_email=old_email,
        email=account.email,
        username=account.username,
        changed_at=now,
    )
    await tx.outbox.add(event, key=account.id)


async def change_username(tx: Tx, *, usernames: Usernames, user: User, username: str) -> None:
    """Give the caller another username; tokens tell it from the next refresh on.

    Raises:
        UsernameReserved: It speaks for the platform.
        UsernameTaken: Another account has it, or one that looks like it.
    """
    account = await tx.accounts.lock(user.id)
    if account.username == username:
        return
    usernames.refuse_reserved(username)
    names = {"old_username": account.username, "username": username}
    account.username = username
    await tx.accounts.save(account)
    await tx.personal_keys.rename_owner(account.id, username)
    tx.audit.add(Action.USERNAME_CHANGED, account_id=account.id, by=user, personal=names)
    event = UsernameChanged(account_id=account.id, username=username)
    await tx.outbox.add(event, key=account.id)


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
