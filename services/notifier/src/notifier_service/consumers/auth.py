"""Auth's events that call for a mail: reactions, keyed by the event."""

from datetime import UTC, datetime

from common import streams
from common.clock import utc_now
from common.contracts import (
    EmailChanged,
    EmailChangeRequested,
    EmailVerificationRequested,
    KeyIssued,
    KnownAddressRegistered,
    LoginRequested,
    NewDeviceLoggedIn,
    PasswordChanged,
    PasswordResetRequested,
    ReauthenticationRequested,
    SessionStolen,
)
from common.streams import Received
from notifier_service.models import EmailTemplate
from notifier_service.unit_of_work import Tx
from notifier_service.usecases import emails


async def email_verification_requested(tx: Tx, event: Received[EmailVerificationRequested]) -> None:
    await emails.request_email(
        tx,
        event_id=event.id,
        template=EmailTemplate.VERIFY_EMAIL,
        recipient=event.data.email,
        context={"username": event.data.username},
        link_id=event.data.link_id,
        now=utc_now(),
    )


async def known_address_registered(tx: Tx, event: Received[KnownAddressRegistered]) -> None:
    await emails.request_email(
        tx,
        event_id=event.id,
        template=EmailTemplate.KNOWN_ADDRESS,
        recipient=event.data.email,
        context={"username": event.data.username},
        now=utc_now(),
    )


async def password_reset_requested(tx: Tx, event: Received[PasswordResetRequested]) -> None:
    await emails.request_email(
        tx,
        event_id=event.id,
        template=EmailTemplate.RESET_PASSWORD,
        recipient=event.data.email,
        context={"username": event.data.username},
        link_id=event.data.link_id,
        now=utc_now(),
    )


async def password_changed(tx: Tx, event: Received[PasswordChanged]) -> None:
    await emails.request_email(
        tx,
        event_id=event.id,
        template=EmailTemplate.PASSWORD_CHANGED,
        recipient=event.data.email,
        context={"username": event.data.username, "changed_at": _said(event.data.changed_at)},
        now=utc_now(),
    )


async def email_change_requested(tx: Tx, event: Received[EmailChangeRequested]) -> None:
    await emails.request_email(
        tx,
        event_id=event.id,
        template=EmailTemplate.CONFIRM_EMAIL,
        recipient=event.data.email,
        context={"username": event.data.username},
        link_id=event.data.link_id,
        now=utc_now(),
    )


async def email_changed(tx: Tx, event: Received[EmailChanged]) -> None:
    await emails.request_email(
        tx,
        event_id=event.id,
        template=EmailTemplate.EMAIL_CHANGED,
        recipient=event.data.old_email,
        context={"username": event.data.username, "changed_at": _said(event.data.changed_at)},
        now=utc_now(),
    )


async def login_requested(tx: Tx, event: Received[LoginRequested]) -> None:
    await emails.request_email(
        tx,
        event_id=event.id,
        template=EmailTemplate.LOG_IN,
        recipient=event.data.email,
        context={"username": event.data.username},
        link_id=event.data.link_id,
        now=utc_now(),
    )


async def reauthentication_requested(tx: Tx, event: Received[ReauthenticationRequested]) -> None:
    await emails.request_email(
        tx,
        event_id=event.id,
        template=EmailTemplate.REAUTHENTICATE,
        recipient=event.data.email,
        context={"username": event.data.username},
        link_id=event.data.link_id,
        now=utc_now(),
    )


async def session_stolen(tx: Tx, event: Received[SessionStolen]) -> None:
    await emails.request_email(
        tx,
        event_id=event.id,
        template=EmailTemplate.SESSION_STOLEN,
        recipient=event.data.email,
        context={
            "username": event.data.username,
            "device": event.data.device,
            "ended_at": _said(event.data.ended_at),
        },
        now=utc_now(),
    )


async def new_device_logged_in(tx: Tx, event: Received[NewDeviceLoggedIn]) -> None:
    await emails.request_email(
        tx,
        event_id=event.id,
        template=EmailTemplate.NEW_DEVICE,
        recipient=event.data.email,
        context={
            "username": event.data.username,
            "device": event.data.device,
            "network": event.data.network,
            "logged_in_at": _said(event.data.logged_in_at),
        },
        now=utc_now(),
    )


async def key_issued(tx: Tx, event: Received[KeyIssued]) -> None:
    await streams.key_issued(tx, event)
    await emails.request_email(
        tx,
        event_id=event.id,
        template=EmailTemplate.KEY_ISSUED,
        recipient=event.data.email,
        context={
            "username": event.data.username,
            "name": event.data.name,
            "issued_at": _said(event.data.issued_at),
            "expires_at": _said(event.data.expires_at),
        },
        now=utc_now(),
    )


def _said(moment: datetime) -> str:
    """Return a time as a mail tells it: `1 March 2026, 09:30 UTC`."""
    utc = moment.astimezone(UTC)
    return f"{utc.day} {utc:%B %Y, %H:%M} UTC"
