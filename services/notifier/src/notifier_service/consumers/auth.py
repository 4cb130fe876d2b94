"""Auth's events that call for a mail: reactions, keyed by the event."""

from common.clock import utc_now
from common.contracts import EmailVerificationRequested, KnownAddressRegistered
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
