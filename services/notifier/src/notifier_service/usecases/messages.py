"""Turns a row into a message. What it renders may be a secret: it is sent, never kept or logged.

The same row always gives the same Message-ID and Date, so that a repeated mail is known as one.
"""

from collections.abc import Mapping
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from common.trace import current_headers
from notifier_service.clients.auth import MailLink
from notifier_service.errors import MailRefused
from notifier_service.models import Email, EmailTemplate

SUBJECTS: Final[Mapping[str, str]] = {
    EmailTemplate.VERIFY_EMAIL: "Confirm your e-mail address",
    EmailTemplate.KNOWN_ADDRESS: "You already have an account",
    EmailTemplate.RESET_PASSWORD: "Choose a new password",
    EmailTemplate.PASSWORD_CHANGED: "Your password was changed",
    EmailTemplate.CONFIRM_EMAIL: "Confirm your new e-mail address",
    EmailTemplate.EMAIL_CHANGED: "Your e-mail address was changed",
    EmailTemplate.LOG_IN: "Log in to Colonnade",
    EmailTemplate.REAUTHENTICATE: "Confirm that it is you",
    EmailTemplate.SESSION_STOLEN: "You were logged out for your safety",
    EmailTemplate.KEY_ISSUED: "A personal access token was issued",
    EmailTemplate.NEW_DEVICE: "New login to your account",
}

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    keep_trailing_newline=True,
)


def write_message(email: Email, *, sender: str, domain: str, link: MailLink | None) -> EmailMessage:
    """Return the message of a row, in the present trace.

    Args:
        email: The row.
        sender: Its From: `Name <local@domain>`.
        domain: The part after the @ of its Message-ID.
        link: What the template mentions, None when it mentions nothing.

    Raises:
        MailRefused: The recipient's address cannot stand in a header.
    """
    message = EmailMessage()
    try:
        # The policy refuses line breaks: an address cannot smuggle in headers of its own.
        message["To"] = Address(addr_spec=email.recipient)
    except ValueError as error:
        raise MailRefused(reason="the address is malformed") from error
    message["From"] = sender
    message["Subject"] = SUBJECTS[email.template]
    message["Date"] = email.created_at
    message["Message-ID"] = f"<{email.id}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    for name, value in current_headers().items():
        message[name] = value
    secrets = {"link": link.url, "code": link.code} if link else {}
    context = email.context | secrets
    message.set_content(_templates.get_template(f"{email.template}.txt").render(context))
    html = _templates.get_template(f"{email.template}.html").render(context)
    message.add_alternative(html, subtype="html")
    return message
