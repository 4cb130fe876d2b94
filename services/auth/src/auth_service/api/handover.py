"""How secrets are handed to clients: in the body, or to browsers in cookies that no script reads.

A browser asks for the latter by a header. Cookies are looked at together with it alone, and it is
believed from our own pages alone: another site's page can neither use nor replace them (ADR 20).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel

from auth_service.api.dependencies import WithResources
from auth_service.api.schemas.email_logins import ChallengeAccepted
from auth_service.api.schemas.sessions import TokensRead
from auth_service.errors import CrossSiteRequest, RefreshTokenMissing
from auth_service.settings import Settings
from auth_service.usecases.sessions import Tokens

# The prefix makes browsers refuse them from other hosts, from plain HTTP, and for parts of ours.
REFRESH_COOKIE: Final = "__Host-refresh"
NONCE_COOKIE: Final = "__Host-login"

SessionIn = Annotated[
    Literal["cookie"] | None,
    Header(
        alias="X-Session",
        description="`cookie` keeps the refresh token, and the nonce of a login by mail, in cookies"
        " that scripts cannot read. Pages of this origin alone may send it.",
    ),
]


@dataclass(frozen=True, slots=True)
class Handover:
    """What a client gets and brings; both in cookies, if it asked for that."""

    settings: Settings
    cookies: Mapping[str, str]
    response: Response
    in_cookies: bool

    def give_tokens(self, tokens: Tokens) -> TokensRead:
        """Return the body of an answer that hands tokens out."""
        # They must not stay in a cache (RFC 6749, 5.1).
        self.response.headers["Cache-Control"] = "no-store"
        if self.in_cookies:
            life = self.settings.refresh_token_seconds
            self._set(REFRESH_COOKIE, tokens.refresh_token, life)
            self._set(NONCE_COOKIE, "", 0)
        return TokensRead(
            access_token=tokens.access_token,
            refresh_token=None if self.in_cookies else tokens.refresh_token,
            expires_in=tokens.expires_in,
        )

    def answer(self, body: BaseModel) -> Response:
        """Return an answer of a hot route: this body, and the headers and cookies set so far."""
        answer = Response(body.model_dump_json(), media_type="application/json")
        answer.raw_headers.extend(self.response.raw_headers)
        return answer

    def give_nonce(self, nonce: str, life_seconds: int) -> ChallengeAccepted:
        """Return the body of an answer to a request for a mail."""
        self.response.headers["Cache-Control"] = "no-store"
        if self.in_cookies:
            self._set(NONCE_COOKIE, nonce, life_seconds)
        return ChallengeAccepted(nonce=None if self.in_cookies else nonce, expires_in=life_seconds)

    def refresh_token(self, in_body: str | None) -> str:
        """Return the refresh token that the client brings; without a cookie one that nobody has.

        Raises:
            RefreshTokenMissing: Its body has none.
        """
        if self.in_cookies:
            return self.cookies.get(REFRESH_COOKIE, "")
        if in_body is None:
            raise RefreshTokenMissing(field="refresh_token")
        return in_body

    def nonce(self, in_body: str | None) -> str | None:
        """Return the nonce that the client brings, if any."""
        return self.cookies.get(NONCE_COOKIE) if self.in_cookies else in_body

    def forget_session(self) -> None:
        """Take the cookie back, if there may be one."""
        if self.in_cookies:
            self._set(REFRESH_COOKIE, "", 0)

    def _set(self, name: str, value: str, life_seconds: int) -> None:
        self.response.set_cookie(
            name, value, life_seconds, path="/", secure=True, httponly=True, samesite="strict"
        )


async def handover(
    request: Request, response: Response, resources: WithResources, session_in: SessionIn = None
) -> Handover:
    """Return how the client wants to be handed secrets.

    Raises:
        CrossSiteRequest: It wants cookies, and is no page of ours.
    """
    in_cookies = session_in is not None
    if in_cookies and not _is_own_page(request, resources.settings.public_url):
        raise CrossSiteRequest
    return Handover(resources.settings, request.cookies, response, in_cookies)


ToClient = Annotated[Handover, Depends(handover)]


def _is_own_page(request: Request, public_url: str) -> bool:
    """Tell whether a browser says that a page of this origin sent the request.

    No page can make either header up. Browsers from before 2023 send the latter alone.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    own = urlsplit(public_url)
    return request.headers.get("origin") == f"{own.scheme}://{own.netloc}"
