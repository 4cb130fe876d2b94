"""Mailed links. A link's token is `<id>.<HMAC of id and purpose>`: nothing to steal is stored."""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from urllib.parse import urlencode
from uuid import UUID

from auth_service.errors import LinkInvalid, LinkNotFound
from auth_service.models import Account, Link, LinkPurpose
from auth_service.models.links import CHALLENGED
from auth_service.unit_of_work import Tx
from common.ids import new_id

PATHS = {
    LinkPurpose.VERIFY_EMAIL: "/api/v1/auth/verify-email",
    LinkPurpose.RESET_PASSWORD: "/api/v1/auth/reset-password",
    LinkPurpose.CHANGE_EMAIL: "/api/v1/auth/confirm-email",
    LinkPurpose.LOG_IN: "/api/v1/auth/email-login/link",
}


@dataclass(frozen=True, slots=True)
class LinkSigner:
    """Derives the tokens of links; `public_url` is the base of the URLs it makes."""

    secret: bytes
    public_url: str

    def token(self, link_id: UUID, purpose: LinkPurpose) -> str:
        """Return the token of a link: whoever has it owns the mailbox."""
        mac = hmac.new(self.secret, f"link:{purpose}:{link_id}".encode(), sha256)
        return f"{link_id.hex}.{mac.hexdigest()}"

    def url(self, link_id: UUID, purpose: LinkPurpose) -> str:
        """Return the URL that stands in the mail."""
        query = urlencode({"token": self.token(link_id, purpose)})
        return f"{self.public_url.rstrip('/')}{PATHS[purpose]}?{query}"

    def code(self, link_id: UUID, purpose: LinkPurpose) -> str:
        """Return the six digits that stand in the mail beside the URL, or instead of it."""
        mac = hmac.new(self.secret, f"code:{purpose}:{link_id}".encode(), sha256)
        return f"{int.from_bytes(mac.digest()) % 1_000_000:06}"

    def read(self, token: str, purpose: LinkPurpose) -> UUID:
        """Return the id of the link that the token belongs to.

        Raises:
            LinkInvalid: This is no token of such a link.
        """
        try:
            link_id = UUID(hex=token.partition(".")[0])
        except ValueError as error:
            raise LinkInvalid from error
        if not hmac.compare_digest(self.token(link_id, purpose).encode(), token.encode()):
            raise LinkInvalid
        return link_id


async def open_link(
    tx: Tx,
    account: Account,
    purpose: LinkPurpose,
    *,
    email: str,
    life: timedelta,
    now: datetime,
    id: UUID | None = None,  # noqa: A002 — the row's.
) -> UUID:
    """Make a link of a locked account, to be mailed to an address, and return its id.

    An older one of the same purpose works no longer, unless there is one for each who asks.
    """
    link = Link(
        id=id or new_id(),
        account_id=account.id,
        purpose=purpose,
        email=email,
        created_at=now,
        expires_at=now + life,
    )
    if purpose in CHALLENGED:
        tx.links.add(link)
    else:
        await tx.links.replace(link)
    return link.id


async def use_link(
    tx: Tx, *, signer: LinkSigner, token: str, purpose: LinkPurpose, now: datetime
) -> tuple[Account, Link]:
    """Use a link up, once; return its account, locked, and the link.

    Raises:
        LinkInvalid: The token is forged, used, replaced or too old.
    """
    link_id = signer.read(token, purpose)
    return await use_link_of(tx, link_id=link_id, purpose=purpose, now=now)


async def use_link_of(
    tx: Tx, *, link_id: UUID, purpose: LinkPurpose, now: datetime
) -> tuple[Account, Link]:
    """Use the link of an id up, once; return its account, locked, and the link.

    Raises:
        LinkInvalid: It was used, replaced, is too old or never was.
    """
    link = await tx.links.find_open(link_id, now=now)
    if link is None:
        raise LinkInvalid
    # The account first, as everywhere: whoever replaces the link holds it, too.
    account = await tx.accounts.find_locked(link.account_id)
    if account is None or await tx.links.use(link.id, purpose, now=now) is None:
        raise LinkInvalid
    return account, link


@dataclass(frozen=True, slots=True)
class MailedLink:
    """What a mail says: an URL, a code, or both."""

    url: str | None
    code: str | None


async def read_mail_link(tx: Tx, *, signer: LinkSigner, link_id: UUID, now: datetime) -> MailedLink:
    """Return what to mail, as long as the link can still be used.

    Raises:
        LinkNotFound: It was used, replaced, has expired or never was.
    """
    link = await tx.links.find_open(link_id, now=now)
    if link is None:
        raise LinkNotFound(link_id=str(link_id))
    purpose = LinkPurpose(link.purpose)
    return MailedLink(
        url=signer.url(link.id, purpose) if purpose in PATHS else None,
        code=signer.code(link.id, purpose) if purpose in CHALLENGED else None,
    )
