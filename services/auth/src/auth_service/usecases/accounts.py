"""How an account comes to be: registered by anyone, real once its address is verified."""

from datetime import datetime, timedelta
from uuid import UUID

from auth_service.errors import UsernameTaken
from auth_service.models import Account, LinkPurpose
from auth_service.unit_of_work import Tx
from auth_service.usecases.links import LinkSigner, open_link, use_link
from auth_service.usecases.passwords import Passwords
from auth_service.usecases.usernames import Usernames
from common.contracts import (
    AccountRegistered,
    EmailVerificationRequested,
    KnownAddressRegistered,
)
from common.ids import new_id


async def register_account(
    tx: Tx,
    *,
    usernames: Usernames,
    passwords: Passwords,
    email: str,
    username: str,
    password: str,
    mail: bool,
    link_seconds: int,
    now: datetime,
) -> None:
    """Register an address; whether it is known shows in the mail alone.

    Without `mail`, as it has got so many, it takes effect all the same: what was mailed for former
    registrations must not verify somebody else's password. Another mail can be asked for.

    For an unverified account the latest registration counts: it replaces password and username.
    The statements are the same in each case, so that their time tells nothing either.

    Raises:
        UsernameReserved: The username speaks for the platform.
        PasswordTooShort: The password has fewer than 15 characters.
        PasswordTooLong: The password has more than 128 characters.
        PasswordTooCommon: The password is easy to guess.
        PasswordsBusy: Too many passwords are being hashed.
        UsernameTaken: Another account has the username, or one that looks like it.
    """
    usernames.refuse_reserved(username)
    # Before the first statement: a connection is not held while the password is hashed.
    password_hash = await passwords.hash_new(password, related=[email, username])
    # Also a username that is taken by the very account of a verified address is taken.
    if await tx.accounts.username_is_taken(username, email=email):
        raise UsernameTaken(username=username, field="username")
    account = await tx.accounts.register(
        Account(id=new_id(), email=email, username=username, password_hash=password_hash)
    )
    known = account.verified_at is not None
    # The link to a verified address has expired when it is made, and is not mailed.
    life = timedelta() if known else timedelta(seconds=link_seconds)
    purpose = LinkPurpose.VERIFY_EMAIL
    link_id = await open_link(tx, account, purpose, email=email, life=life, now=now)
    if not mail:
        return
    to = {"account_id": account.id, "email": email, "username": account.username}
    event = (
        KnownAddressRegistered(**to) if known else EmailVerificationRequested(**to, link_id=link_id)
    )
    await tx.outbox.add(event, key=account.id)


async def list_registered(tx: Tx, *, after: UUID | None, limit: int) -> list[AccountRegistered]:
    """List the accounts that exist for everyone, as the event tells them."""
    accounts = await tx.accounts.list_verified(after=after, limit=limit)
    return [AccountRegistered(account_id=each.id, username=each.username) for each in accounts]


async def verify_email(tx: Tx, *, signer: LinkSigner, token: str, now: datetime) -> None:
    """Verify an account's address with the token of the mailed link, once.

    Raises:
        LinkInvalid: The token is forged, used, replaced or too old.
    """
    account, _ = await use_link(
        tx, signer=signer, token=token, purpose=LinkPurpose.VERIFY_EMAIL, now=now
    )
    account.verified_at = now
    event = AccountRegistered(account_id=account.id, username=account.username)
    await tx.outbox.add(event, key=account.id)
