"""Auth's mailed links. Their URLs are secrets: asked for when a mail is sent, and kept nowhere."""

from http import HTTPStatus
from uuid import UUID

from common.http.client import PeerClient, PeerRefused
from notifier_service.errors import LinkGone


class MailLinks:
    def __init__(self, auth: PeerClient) -> None:
        self._auth = auth

    async def url(self, link_id: UUID) -> str:
        """Return the URL to mail.

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
        return str(answer["url"])
