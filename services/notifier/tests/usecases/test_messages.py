"""What each mail says, whatever event of auth calls for it."""

from email.message import EmailMessage
from html import escape

import pytest

from common.contracts import Event
from notifier_service.consumers import HANDLERS
from notifier_service.resources import Resources
from notifier_service.usecases.emails import drain_emails
from services.notifier.tests.factories import LINK, Links, hear
from services.notifier.tests.sink import Sink

CODE = "042137"
# Subject of the mail, and words that stand in its text.
MAILS = {
    "auth.email_verification_requested.v1": ("Confirm your e-mail address", [LINK]),
    "auth.known_address_registered.v1": ("You already have an account", ["already have"]),
    "auth.password_reset_requested.v1": ("Choose a new password", [LINK, "works once"]),
    "auth.password_changed.v1": (
        "Your password was changed",
        ["on 1 March 2026, 09:30 UTC", "logged out"],
    ),
    "auth.email_change_requested.v1": ("Confirm your new e-mail address", [LINK, "works once"]),
    "auth.login_requested.v1": ("Log in to Colonnade", [LINK, CODE, "work once"]),
    "auth.reauthentication_requested.v1": ("Confirm that it is you", [CODE, "works once"]),
    "auth.session_stolen.v1": (
        "You were logged out for your safety",
        ["on 1 March 2026, 09:30 UTC", "last used by: Firefox on Linux"],
    ),
    "auth.key_issued.v1": (
        "A personal access token was issued",
        ["Nightly build", "on 1 March 2026, 09:30 UTC", "until 30 May 2026, 09:30 UTC"],
    ),
    "auth.new_device_logged_in.v1": (
        "New login to your account",
        ["on 1 March 2026, 09:30 UTC", "before: Firefox on Linux, network 203.0.113.0/24."],
    ),
    "auth.email_changed.v1": (
        "Your e-mail address was changed",
        ["on 1 March 2026, 09:30 UTC", "no longer used"],
    ),
}
MAILED = [event for event in HANDLERS if event.wire_name in MAILS]


def words_of(message: EmailMessage, kind: str) -> str:
    """The words of a part of the message, on one line."""
    part = message.get_body((kind,))
    assert part is not None
    return " ".join(part.get_content().split())


@pytest.mark.parametrize("kind", MAILED, ids=lambda event: str(event.wire_name))
async def test_a_mail_says_what_happened_in_text_and_html(
    resources: Resources, sink: Sink, links: Links, kind: type[Event]
) -> None:
    links.are(LINK, CODE)
    subject, said = MAILS[kind.wire_name]
    sample = {name: (field.examples or [None])[0] for name, field in kind.model_fields.items()}
    await hear(resources, kind.model_validate(sample))
    await drain_emails(resources.sending)

    [message] = sink.messages
    assert message["Subject"] == subject
    assert message["To"] == sample.get("old_email", sample["email"])
    plain, html = words_of(message, "plain"), words_of(message, "html")
    assert plain.startswith("Hello ada, ")
    for words in said:
        assert words in plain
        assert escape(words) in html


def test_every_kind_of_mail_is_looked_at() -> None:
    assert {event.wire_name for event in MAILED} == MAILS.keys()
