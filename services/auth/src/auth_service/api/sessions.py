"""Login, refresh and logout."""

from fastapi import APIRouter, Response, status

from auth_service.api.dependencies import InTransaction, WithResources
from auth_service.api.schemas.sessions import SessionCreate, SessionToken, TokensRead
from auth_service.usecases import sessions
from common.clock import utc_now

router = APIRouter(prefix="/api/v1/auth", tags=["sessions"])


@router.post("/login")
async def log_in(
    body: SessionCreate, tx: InTransaction, resources: WithResources, response: Response
) -> TokensRead:
    """Open a session with address and password."""
    tokens = await sessions.log_in(
        tx,
        open_reads=resources.reads,
        policy=resources.sessions,
        passwords=resources.passwords,
        email=body.email,
        password=body.password,
        now=utc_now(),
    )
    return _render(tokens, response)


@router.post("/refresh")
async def refresh_session(
    body: SessionToken, tx: InTransaction, resources: WithResources, response: Response
) -> TokensRead:
    """Exchange a refresh token for its successor and a new access token."""
    tokens = await sessions.refresh_session(
        tx, policy=resources.sessions, token=body.refresh_token, now=utc_now()
    )
    return _render(tokens, response)


@router.post("/logout", status_code=status.HTTP_204_NO_CONTENT)
async def log_out(body: SessionToken, tx: InTransaction) -> None:
    """End the session of a refresh token."""
    await sessions.log_out(tx, token=body.refresh_token, now=utc_now())


def _render(tokens: sessions.Tokens, response: Response) -> TokensRead:
    # Tokens must not stay in a cache (RFC 6749, 5.1).
    response.headers["Cache-Control"] = "no-store"
    return TokensRead(
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        expires_in=tokens.expires_in,
    )
