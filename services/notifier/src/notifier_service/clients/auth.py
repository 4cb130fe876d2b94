"""Auth's mailed links. What they say is secret: asked for when a mail is sent, and kept nowhere."""

from dataclasses import dataclass
from http import HTTPStatus
from uuid import UUID

from common.http.client import PeerClient, PeerRefused
from notifier_service.errors import LinkGone


@dataclass(frozen=True, slots=True)
class MailLink:
    """What a mail leads to, and the digits to type in; one of them may be missing."""

    url: str | None
    code: str | None


class MailLinks:
    def __init__(self, auth: PeerClient) -> None:
        self._auth = auth

    async def read(self, link_id: UUID) -> MailLink:
        """Return what to mail.

        Raises:
            LinkGone: It was used or replaced, or has expired.
            PeerUnavailable: Auth does not answer.
        """
        try:
            answer = await self._auth.get(f"/internal/mail-links/{link_id}")
        except PeerRefused as error:
            if error.status == HTTPStatus.NOT_FOUND:
                raise LinkGone from error
            raise
        return MailLink(url=answer["url"], code=answer["code"])
