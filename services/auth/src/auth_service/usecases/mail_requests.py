"""Mail that somebody asks for by naming an address; only who reads its mail learns the outcome.

The request writes the same row for every address. The worker finds out whose it is, and how often
its owner has been written to.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from auth_service.models import Account, LinkPurpose, MailRequest
from auth_service.models.links import CHALLENGED
from auth_service.unit_of_work import Tx
from auth_service.usecases.links import open_link
from common import trace
from common.contracts import (
    EmailChangeRequested,
    EmailVerificationRequested,
    Event,
    LoginRequested,
    PasswordResetRequested,
    ReauthenticationRequested,
)
from common.ids import new_id

POLL_SECONDS: Final = 0.2
MOST_CHALLENGES: Final = 5


@dataclass(frozen=True, slots=True)
class MailPolicy:
    """How long mailed links live, and how often an account is written to for one purpose."""

    verification_life: timedelta
    link_life: timedelta
    interval: timedelta


async def request_mail(
    tx: Tx,
    *,
    email: str,
    purpose: LinkPurpose,
    account_id: UUID | None = None,
    id: UUID | None = None,  # noqa: A002 — the row's.
    now: datetime,
) -> None:
    """Note that somebody asked for a mail to an address.

    Args:
        tx: The transaction.
        email: Where to; it may have no account.
        purpose: What the mail's link is to do.
        account_id: Whose mail it is, when who asked has proved who they are.
        id: What the mail's link is to be called, when who asked has to know it.
        now: The time.
    """
    tx.mail_requests.add(
        MailRequest(
            id=id or new_id(),
            email=email,
            purpose=purpose,
            account_id=account_id,
            trace=trace.current_headers(),
            requested_at=now,
        )
    )


async def answer_request(tx: Tx, *, policy: MailPolicy, now: datetime) -> bool:
    """Ask for the mail that the oldest request calls for, if any; tell whether there was one."""
    request = await tx.mail_requests.take()
    if request is None:
        return False
    with trace.bind(request.trace):
        purpose = LinkPurpose(request.purpose)
        account = await _entitled(tx, request, purpose)
        if account is not None and await _may_write(tx, account, purpose, policy, now):
            await _ask_for_mail(tx, account, request, policy, now)
    return True


async def _entitled(tx: Tx, request: MailRequest, purpose: LinkPurpose) -> Account | None:
    """Return the account that the mail is about, locked; None when there is nothing to say."""
    owner = await tx.accounts.find_by_email(request.email, lock=True)
    verified = owner is not None and owner.verified_at is not None
    if owner is not None and owner.disabled_at is not None:
        return None
    if purpose is LinkPurpose.CHANGE_EMAIL:
        # An address that has an owner gets no mail: they asked for nothing.
        if verified or request.account_id is None:
            return None
        return await tx.accounts.lock(request.account_id)
    if purpose is LinkPurpose.REAUTHENTICATE and owner and owner.id != request.account_id:
        # The address has become another's in this moment.
        return None
    # Who has not verified an address has no claim to it: there is nothing to log in to.
    return owner if verified is (purpose is not LinkPurpose.VERIFY_EMAIL) else None


async def _may_write(
    tx: Tx, account: Account, purpose: LinkPurpose, policy: MailPolicy, now: datetime
) -> bool:
    """Tell whether the account was not written to too often: nobody fills a mailbox.

    The link of the former mail still works, unless it is worthless without the nonce that whoever
    asks again has lost: of these there are a few.
    """
    challenged = purpose in CHALLENGED
    since = now - (policy.link_life if challenged else policy.interval)
    opened = await tx.links.count_opened(account.id, purpose, since=since)
    return opened < (MOST_CHALLENGES if challenged else 1)


async def _ask_for_mail(
    tx: Tx, account: Account, request: MailRequest, policy: MailPolicy, now: datetime
) -> None:
    purpose = LinkPurpose(request.purpose)
    verifying = purpose is LinkPurpose.VERIFY_EMAIL
    life = policy.verification_life if verifying else policy.link_life
    link_id = await open_link(
        tx, account, purpose, email=request.email, life=life, now=now, id=request.id
    )
    event = _EVENTS[purpose](
        account_id=account.id, email=request.email, username=account.username, link_id=link_id
    )
    await tx.outbox.add(event, key=account.id)


_EVENTS: Final[dict[LinkPurpose, type[Event]]] = {
    LinkPurpose.VERIFY_EMAIL: EmailVerificationRequested,
    LinkPurpose.RESET_PASSWORD: PasswordResetRequested,
    LinkPurpose.CHANGE_EMAIL: EmailChangeRequested,
    LinkPurpose.LOG_IN: LoginRequested,
    LinkPurpose.REAUTHENTICATE: ReauthenticationRequested,
}
