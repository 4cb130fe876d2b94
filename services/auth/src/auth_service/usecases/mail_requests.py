"""Mail that anybody may ask for by naming an address; only who reads its mail learns the outcome.

The request writes the same row for every address. The worker finds out whose it is, and how often
its owner has been written to.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from auth_service.models import Account, LinkPurpose, MailRequest
from auth_service.unit_of_work import Tx
from auth_service.usecases.links import open_link
from common import trace
from common.contracts import PasswordResetRequested
from common.ids import new_id

POLL_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class MailPolicy:
    """How long mailed links live, and how often an account is written to for one purpose."""

    link_life: timedelta
    interval: timedelta


async def request_mail(tx: Tx, *, email: str, purpose: LinkPurpose, now: datetime) -> None:
    """Note that somebody asked for a mail, for an address that may have no account."""
    tx.mail_requests.add(
        MailRequest(
            id=new_id(),
            email=email,
            purpose=purpose,
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
        account = await tx.accounts.find_by_email(request.email, lock=True)
        if account is not None:
            await _answer(tx, account, LinkPurpose(request.purpose), policy, now)
    return True


async def _answer(
    tx: Tx, account: Account, purpose: LinkPurpose, policy: MailPolicy, now: datetime
) -> None:
    # Who has not verified an address registers again: nobody else has a claim to it.
    if account.verified_at is None:
        return
    # Nobody fills a stranger's mailbox; the link of the former mail still works.
    if await tx.links.was_opened(account.id, purpose, since=now - policy.interval):
        return
    link_id = await open_link(tx, account, purpose, life=policy.link_life, now=now)
    event = PasswordResetRequested(
        account_id=account.id, email=account.email, username=account.username, link_id=link_id
    )
    await tx.outbox.add(event, key=account.id)
