"""Celery's tasks by name: each calls one use case with the resources of its process."""

from collections.abc import Awaitable, Callable, Mapping

from notifier_service.clients.queue import DRAIN_EMAILS, TICK
from notifier_service.resources import Resources
from notifier_service.tasks import emails

TASKS: Mapping[str, Callable[[Resources], Awaitable[None]]] = {
    DRAIN_EMAILS: emails.drain_emails,
    TICK: emails.drain_emails,
}
