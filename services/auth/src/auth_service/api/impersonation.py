"""A token that speaks for somebody else, for the platform's people."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response

from auth_service.api.dependencies import InTransaction, WithResources, requires
from auth_service.api.schemas.impersonation import ImpersonationCreate, ImpersonationRead
from auth_service.usecases import impersonation, roles
from common.clock import utc_now
from common.tokens import User

router = APIRouter(prefix="/api/v1/auth/admin/accounts", tags=["administration"])

Impersonator = Annotated[User, requires(roles.IMPERSONATE)]


@router.post("/{account_id}/impersonate")
async def impersonate_account(
    *,
    account_id: UUID,
    body: ImpersonationCreate,
    user: Impersonator,
    tx: InTransaction,
    resources: WithResources,
    response: Response,
) -> ImpersonationRead:
    """Get a token that speaks for an account without a role and tells who really acts."""
    opened = await impersonation.impersonate_account(
        tx,
        policy=resources.sessions,
        actor=user,
        account_id=account_id,
        reason=body.reason,
        now=utc_now(),
    )
    # Tokens must not stay in a cache (RFC 6749, 5.1).
    response.headers["Cache-Control"] = "no-store"
    return ImpersonationRead(
        access_token=opened.access_token,
        expires_in=opened.expires_in,
        session_id=opened.session_id,
    )
