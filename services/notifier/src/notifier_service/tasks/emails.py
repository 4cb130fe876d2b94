"""Tasks around mail."""

from notifier_service.resources import Resources
from notifier_service.usecases import emails


async def drain_emails(resources: Resources) -> None:
    await emails.drain_emails(resources.sending)
