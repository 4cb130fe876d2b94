"""How an account comes to be: registered by anyone, real once its address is verified."""

from datetime import datetime, timedelta
from uuid import UUID

from auth_service.errors import LinkInvalid, UsernameTaken
from auth_service.models import Account, LinkPurpose
from auth_service.unit_of_work import Tx
from auth_service.usecases.links import LinkSigner, open_link
from auth_service.usecases.passwords import Passwords
from common.contracts import (
    AccountRegistered,
    EmailVerificationRequested,
    KnownAddressRegistered,
)
from common.ids import new_id


async def register_account(
    tx: Tx,
    *,
    passwords: Passwords,
    email: str,
    username: str,
    password: str,
    link_seconds: int,
    now: datetime,
) -> None:
    """Register an address; whether it is known shows in the mail alone.

    For an unverified account the latest registration counts: it replaces password and username.

    Raises:
        PasswordTooShort: The password has fewer than 15 characters.
        PasswordTooLong: The password has more than 128 characters.
        PasswordTooCommon: The password is easy to guess.
        PasswordsBusy: Too many passwords are being hashed.
        UsernameTaken: Another account has the username.
    """
    # Before the first statement: a connection is not held while the password is hashed.
    password_hash = await passwords.hash_new(password, related=[email, username])
    account = await tx.accounts.find_by_email(email, lock=True)
    if account is None:
        account = Account(id=new_id(), email=email, username=username, password_hash=password_hash)
        if not await tx.accounts.save(account):
            # Another request registered the address in this moment: this one comes second.
            account = await tx.accounts.find_by_email(email, lock=True)
            if account is None:
                return
    if account.verified_at is not None:
        await _report_known_address(tx, account, username)
        return
    account.username, account.password_hash = username, password_hash
    await tx.accounts.save(account)
    await _request_verification(tx, account, life=timedelta(seconds=link_seconds), now=now)


async def list_registered(tx: Tx, *, after: UUID | None, limit: int) -> list[AccountRegistered]:
    """List the accounts that exist for everyone, as the event tells them."""
    accounts = await tx.accounts.list_verified(after=after, limit=limit)
    return [AccountRegistered(account_id=each.id, username=each.username) for each in accounts]


async def _report_known_address(tx: Tx, account: Account, username: str) -> None:
    # The same answer as for an unknown address, in every case: also a username that is taken by
    # this very account is taken.
    if await tx.accounts.username_is_taken(username):
        raise UsernameTaken(username=username, field="username")
    event = KnownAddressRegistered(
        account_id=account.id, email=account.email, username=account.username
    )
    await tx.outbox.add(event, key=account.id)


async def _request_verification(
    tx: Tx, account: Account, *, life: timedelta, now: datetime
) -> None:
    purpose = LinkPurpose.VERIFY_EMAIL
    link_id = await open_link(tx, account, purpose, email=account.email, life=life, now=now)
    event = EmailVerificationRequested(
        account_id=account.id, email=account.email, username=account.username, link_id=link_id
    )
    await tx.outbox.add(event, key=account.id)


async def verify_email(tx: Tx, *, signer: LinkSigner, token: str, now: datetime) -> None:
    """Verify an account's address with the token of the mailed link, once.

    Raises:
        LinkInvalid: The token is forged, used, replaced or too old.
    """
    link_id = signer.read(token, LinkPurpose.VERIFY_EMAIL)
    account_id = await tx.links.use(link_id, LinkPurpose.VERIFY_EMAIL, now=now)
    if account_id is None:
        raise LinkInvalid
    account = await tx.accounts.get(account_id)
    account.verified_at = now
    event = AccountRegistered(account_id=account.id, username=account.username)
    await tx.outbox.add(event, key=account.id)
