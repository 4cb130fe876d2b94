"""Mails as they arrived, and what Mailpit's JSON says of them; the last 1000, in memory only."""

import secrets
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import default as modern
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

CAPACITY = 1000


@dataclass(slots=True)
class Mail:
    """A mail as it arrived: its envelope, its bytes, and what they say."""

    sender: str
    recipients: list[str]
    raw: bytes
    parsed: EmailMessage
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    received: datetime = field(default_factory=lambda: datetime.now(UTC))
    read: bool = False

    def body(self, kind: str) -> str:
        """The text of the part `plain` or `html`; empty when there is none."""
        part = self.parsed.get_body((kind,))
        content = part.get_payload(decode=True) if part else None
        if part is None or not isinstance(content, bytes):
            return ""
        try:
            return content.decode(part.get_content_charset("utf-8"), errors="replace")
        except LookupError:
            # The mail names a charset that does not exist.
            return content.decode(errors="replace")

    def addresses(self, header: str) -> list[dict[str, str]]:
        """The addresses in a header, as Mailpit names them."""
        return [
            _address(each) for value in self.parsed.get_all(header, []) for each in value.addresses
        ]

    def summary(self) -> dict[str, Any]:
        """The entry of a list."""
        listed = {each["Address"] for name in ("to", "cc") for each in self.addresses(name)}
        hidden = [address for address in self.recipients if address not in listed]
        return {
            "ID": self.id,
            "MessageID": str(self.parsed.get("message-id", "")).strip("<>"),
            "Read": self.read,
            "From": next(iter(self.addresses("from")), {"Name": "", "Address": self.sender}),
            "To": self.addresses("to"),
            "Cc": self.addresses("cc"),
            "Bcc": [{"Name": "", "Address": address} for address in hidden],
            "ReplyTo": self.addresses("reply-to"),
            "Subject": str(self.parsed.get("subject", "")),
            "Created": self.received.isoformat(timespec="milliseconds"),
            "Tags": [],
            "Size": len(self.raw),
            "Attachments": sum(1 for _ in self.parsed.iter_attachments()),
            "Snippet": " ".join(self.body("plain").split())[:250],
        }

    def detail(self) -> dict[str, Any]:
        """The whole mail."""
        date = getattr(self.parsed.get("date"), "datetime", None)
        return self.summary() | {
            "ReturnPath": self.sender,
            "Date": (date or self.received).isoformat(),
            "Text": self.body("plain"),
            "HTML": self.body("html"),
            "Inline": [],
            "Attachments": [_attachment(part) for part in self.parsed.iter_attachments()],
        }


class Mailbox:
    """The mails, newest first."""

    def __init__(self) -> None:
        self._mails: deque[Mail] = deque(maxlen=CAPACITY)

    async def handle_DATA(self, _smtp: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's hook
        """Keep a mail that arrived."""
        raw = envelope.original_content or b""
        parsed = message_from_bytes(raw, policy=modern)
        self._mails.appendleft(Mail(envelope.mail_from or "", envelope.rcpt_tos, raw, parsed))
        return "250 OK"

    def find(self, id_: str) -> Mail | None:
        """One mail; `latest` is the newest."""
        return next((mail for mail in self._mails if id_ in (mail.id, "latest")), None)

    def delete(self, ids: Iterable[str]) -> None:
        """Forget the mails with these ids; all when there are none."""
        unwanted = set(ids)
        kept = [mail for mail in self._mails if unwanted and mail.id not in unwanted]
        self._mails = deque(kept, maxlen=CAPACITY)

    def listing(self, start: int, limit: int) -> dict[str, Any]:
        """A page of the list."""
        messages = [mail.summary() for mail in list(self._mails)[start : start + limit]]
        unread = sum(not mail.read for mail in self._mails)
        return {
            "total": len(self._mails),
            "unread": unread,
            "count": len(messages),
            "messages_count": len(self._mails),
            "messages_unread": unread,
            "start": start,
            "tags": [],
            "messages": messages,
        }


def _address(address: Address) -> dict[str, str]:
    return {"Name": address.display_name, "Address": address.addr_spec}


def _attachment(part: EmailMessage) -> dict[str, Any]:
    content = part.get_payload(decode=True)
    return {
        "FileName": part.get_filename() or "",
        "ContentType": part.get_content_type(),
        "Size": len(content) if isinstance(content, bytes) else 0,
    }
