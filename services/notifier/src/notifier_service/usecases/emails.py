"""Mail: asked for in the transaction of the event, sent later by whoever claims the row first.

None is lost: a row is due until somebody marks it. A sender that dies between sending and marking
leaves at most one mail per connection to be sent again, with the same Message-ID.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

import structlog
from prometheus_client import Counter

from common import trace
from common.clock import utc_now
from common.errors import Unavailable
from common.ids import new_id
from notifier_service.clients.auth import MailLinks
from notifier_service.clients.smtp import MailServer
from notifier_service.errors import LinkGone, MailDeferred, MailRefused, MailServerUnavailable
from notifier_service.models import Email, EmailStatus, EmailTemplate
from notifier_service.settings import Settings
from notifier_service.unit_of_work import Tx
from notifier_service.usecases.messages import write_message

BATCH: Final = 50
# A batch ends before its lease does: nobody else sends a row while this one still might.
LEASE: Final = timedelta(seconds=30)
BATCH_SECONDS: Final = 25.0
# A drain with more to do leaves it to the next one, so that no task runs for ever.
DRAIN_SECONDS: Final = 60.0
LONGEST_WAIT_SECONDS: Final = 60
LONGEST_DEFERRAL_SECONDS: Final = 1800

log = structlog.get_logger()
settled_total = Counter("notifier_emails_total", "Attempts to send a mail.", ["outcome"])


@dataclass(frozen=True, slots=True)
class Sending:
    """What it takes to send mail."""

    transaction: Callable[[], AbstractAsyncContextManager[Tx]]
    links: MailLinks
    server: MailServer
    settings: Settings
    clock: Callable[[], datetime] = utc_now


async def request_email(
    tx: Tx,
    *,
    event_id: UUID,
    template: EmailTemplate,
    recipient: str,
    context: dict[str, Any],
    link_id: UUID | None = None,
    now: datetime,
) -> None:
    """Ask for the mail that an event calls for; asking again for the same event asks for none."""
    await tx.emails.add(
        id=uuid5(event_id, f"{template}:{recipient}"),
        template=template,
        recipient=recipient,
        context=context,
        link_id=link_id,
        trace=trace.current_headers(),
        created_at=now,
        next_at=now,
    )


async def drain_emails(sending: Sending, *, overdue: timedelta = timedelta()) -> None:
    """Send mail that has been due for `overdue`, until none is left or the server is away.

    Any number of drains may run at once: a row is claimed by one of them, and by another only
    when its lease has ended.
    """
    ends_at = sending.clock() + timedelta(seconds=DRAIN_SECONDS)
    more = True
    while more and sending.clock() < ends_at:
        more = await _drain_batch(sending, overdue)


async def _drain_batch(sending: Sending, overdue: timedelta) -> bool:
    """Claim and send one batch; tell whether another is worth it."""
    now, lease_token = sending.clock(), new_id()
    async with sending.transaction() as tx:
        batch = await tx.emails.claim(
            due=now - overdue, limit=BATCH, lease_token=lease_token, leased_until=now + LEASE
        )
    try:
        async with asyncio.timeout(BATCH_SECONDS):
            return await _send_batch(sending, batch) and len(batch) == BATCH
    except TimeoutError:
        log.warning("emails_unfinished", claimed=len(batch))
        return False


async def _send_batch(sending: Sending, batch: Sequence[Email]) -> bool:
    """Send a batch over several connections at once; False when the server is away."""
    queue = iter(batch)
    connections = min(sending.settings.smtp_connections, len(batch))
    senders = [_send_in_turn(sending, queue) for _ in range(connections)]
    # One sender's trouble must not cut off what the others are in the middle of.
    results = await asyncio.gather(*senders, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    for email in queue:
        await _settle(sending, email, _wait(sending, email, MailServerUnavailable(reason="away")))
    return all(results)


async def _send_in_turn(sending: Sending, queue: Iterator[Email]) -> bool:
    for email in queue:
        with trace.span("send mail", trace.SpanKind.PRODUCER, email.trace) as span:
            away = False
            try:
                changes = await _send(sending, email)
            except MailServerUnavailable as error:
                changes, away = _wait(sending, email, error), True
            _describe(span, email, changes)
            await _settle(sending, email, changes)
            if away:
                return False
    return True


def _describe(span: trace.Span, email: Email, changes: dict[str, Any]) -> None:
    """Say which mail it is, and what became of it, but not to whom it goes."""
    if not span.is_recording():
        return
    span.set_attributes(
        {
            "messaging.system": "smtp",
            "messaging.operation.name": "send",
            "messaging.operation.type": "send",
            "messaging.message.id": str(email.id),
            "colonnade.email.template": email.template,
            "colonnade.email.attempts": email.attempts,
            "colonnade.email.outcome": _outcome(changes),
        }
    )
    if changes["error"] and _outcome(changes) != EmailStatus.CANCELLED:
        trace.fail(span, changes["error"])


async def _send(sending: Sending, email: Email) -> dict[str, Any]:
    """Send one mail and return what becomes of its row.

    Raises:
        MailServerUnavailable: No other mail can be sent either.
    """
    try:
        await _deliver(sending, email)
    except MailServerUnavailable:
        raise
    except LinkGone as error:
        return {"status": EmailStatus.CANCELLED, "error": str(error)}
    except MailRefused as error:
        return {"status": EmailStatus.FAILED, "error": str(error)}
    except MailDeferred as error:
        return _defer(sending, email, str(error))
    except Unavailable as error:
        return _wait(sending, email, error)
    except Exception as error:
        # A bug concerns this mail; it must not keep the others from being sent.
        log.exception("email_crashed", email_id=str(email.id), template=email.template)
        return _defer(sending, email, type(error).__name__)
    return {"status": EmailStatus.SENT, "sent_at": sending.clock(), "error": None}


async def _deliver(sending: Sending, email: Email) -> None:
    link = await sending.links.read(email.link_id) if email.link_id else None
    settings = sending.settings
    message = write_message(
        email, sender=settings.mail_from, domain=settings.mail_domain, link=link
    )
    await sending.server.send(message)


def _wait(sending: Sending, email: Email, error: Unavailable) -> dict[str, Any]:
    """Try again soon, for as long as it takes: nobody has said anything about this mail."""
    return _again(sending, email, str(error), LONGEST_WAIT_SECONDS)


def _defer(sending: Sending, email: Email, error: str) -> dict[str, Any]:
    """Try again ever more rarely, and give up on a mail that is too old for it."""
    age = sending.clock() - email.created_at
    if age > timedelta(seconds=sending.settings.mail_give_up_seconds):
        return {"status": EmailStatus.FAILED, "error": error}
    return _again(sending, email, error, LONGEST_DEFERRAL_SECONDS)


def _again(sending: Sending, email: Email, error: str, longest_seconds: int) -> dict[str, Any]:
    seconds = min(2 ** min(email.attempts, 16), longest_seconds)
    return {"next_at": sending.clock() + timedelta(seconds=seconds), "error": error}


def _outcome(changes: dict[str, Any]) -> str:
    return str(changes.get("status", "retried"))


async def _settle(sending: Sending, email: Email, changes: dict[str, Any]) -> None:
    """Write what became of a claimed mail, at once: what is not written happens again."""
    async with sending.transaction() as tx:
        await tx.emails.settle(email, **changes)
    outcome = _outcome(changes)
    settled_total.labels(outcome).inc()
    log.info(
        "email_settled",
        email_id=str(email.id),
        template=email.template,
        outcome=outcome,
        attempts=email.attempts,
        error=changes["error"],
    )
