"""How tokens are handed out."""

from fastapi import Response

from auth_service.api.schemas.sessions import TokensRead
from auth_service.usecases.sessions import Tokens


def render_tokens(tokens: Tokens, response: Response) -> TokensRead:
    """Return the body of an answer that hands tokens out."""
    # They must not stay in a cache (RFC 6749, 5.1).
    response.headers["Cache-Control"] = "no-store"
    return TokensRead(
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        expires_in=tokens.expires_in,
    )
