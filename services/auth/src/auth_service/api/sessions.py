"""Login, refresh and logout, and the sessions that are open."""

from uuid import UUID

from fastapi import APIRouter, Response, status

from auth_service.api.dependencies import (
    FromClient,
    InTransaction,
    RecentUser,
    WithReads,
    WithResources,
)
from auth_service.api.handover import ToClient
from auth_service.api.limits import TokenAttempt, WithAttempts
from auth_service.api.schemas.sessions import (
    SessionCreate,
    SessionRead,
    SessionToken,
    TokensRead,
)
from auth_service.repositories.sessions import OpenSession
from auth_service.usecases import sessions
from auth_service.usecases.devices import describe_device
from common.clock import utc_now
from common.http.dependencies import CurrentSession, Pagination
from common.http.pagination import Page
from common.http.routes import HotRoute

router = APIRouter(prefix="/api/v1/auth", tags=["sessions"], route_class=HotRoute)

_KIND = "sessions"


@router.post("/login", response_model=TokensRead)
async def log_in(
    body: SessionCreate, resources: WithResources, to: ToClient, attempts: WithAttempts
) -> Response:
    """Open a session with address and password."""
    # In a storm most are refused: that asks neither Redis nor the database.
    resources.passwords.require_place()
    origin = attempts.client.origin
    async with attempts.log_in(body.email), resources.transaction(origin) as tx:
        tokens = await sessions.log_in(
            tx,
            logins=resources.logins,
            policy=resources.sessions,
            passwords=resources.passwords,
            **body.model_dump(),
            client=attempts.client,
            now=utc_now(),
        )
    return to.answer(to.give_tokens(tokens))


@router.post("/refresh", dependencies=[TokenAttempt])
async def refresh_session(
    body: SessionToken,
    tx: InTransaction,
    resources: WithResources,
    client: FromClient,
    to: ToClient,
) -> TokensRead:
    """Exchange a refresh token for its successor and a new access token."""
    token = to.refresh_token(body.refresh_token)
    tokens = await sessions.refresh_session(
        tx, policy=resources.sessions, token=token, client=client, now=utc_now()
    )
    return to.give_tokens(tokens)


@router.post("/logout", status_code=status.HTTP_204_NO_CONTENT)
async def log_out(
    body: SessionToken, tx: InTransaction, resources: WithResources, to: ToClient
) -> None:
    """End the session of a refresh token; its cookie goes."""
    to.forget_session()
    token = to.refresh_token(body.refresh_token)
    await sessions.log_out(tx, policy=resources.sessions, token=token, now=utc_now())


@router.get("/sessions")
async def list_sessions(
    user: CurrentSession, reads: WithReads, resources: WithResources, page: Pagination
) -> Page[SessionRead]:
    """List the caller's open sessions, newest first."""
    after = page.after(_KIND, UUID)
    found = await sessions.list_sessions(
        reads,
        policy=resources.sessions,
        user=user,
        after=after[0] if after else None,
        limit=page.fetch,
        now=utc_now(),
    )
    return page.page(
        found, kind=_KIND, key=lambda row: (row.id,), render=lambda row: _session(row, user.sid)
    )


@router.delete("/sessions", status_code=status.HTTP_204_NO_CONTENT)
async def end_other_sessions(user: RecentUser, tx: InTransaction, resources: WithResources) -> None:
    """End all of the caller's sessions but this one, soon after a login or reauthentication."""
    policy = resources.sessions
    await sessions.end_other_sessions(tx, policy=policy, user=user, now=utc_now())


@router.delete("/sessions/{session_id}", status_code=status.HTTP_204_NO_CONTENT)
async def end_session(
    session_id: UUID, user: RecentUser, tx: InTransaction, resources: WithResources
) -> None:
    """End one of the caller's sessions, soon after a login or reauthentication."""
    await sessions.end_session(
        tx, policy=resources.sessions, user=user, session_id=session_id, now=utc_now()
    )


def _session(row: OpenSession, current_id: UUID) -> SessionRead:
    return SessionRead(
        id=row.id,
        device=describe_device(row.user_agent),
        network=row.network,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        impersonated=row.impersonator_id is not None,
        current=row.id == current_id,
    )
