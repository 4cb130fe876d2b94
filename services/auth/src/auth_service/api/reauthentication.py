"""Showing again who one is, before what is risky."""

from fastapi import APIRouter, Response, status

from auth_service.api.dependencies import InTransaction, OwnerSession, WithResources
from auth_service.api.limits import MailRequest, ProofAttempt, WithAttempts
from auth_service.api.schemas.email_logins import ChallengeAccepted
from auth_service.api.schemas.reauthentication import AccessTokenRead, Reauthentication
from auth_service.models import LinkPurpose
from auth_service.usecases import reauthentication
from common.clock import utc_now

router = APIRouter(prefix="/api/v1/auth/reauthenticate", tags=["sessions"])


@router.post("", dependencies=[ProofAttempt])
async def renew_authentication(
    body: Reauthentication,
    tx: InTransaction,
    resources: WithResources,
    user: OwnerSession,
    response: Response,
) -> AccessTokenRead:
    """Show again who one is; risky actions are allowed for a while, and tokens tell it."""
    response.headers["Cache-Control"] = "no-store"
    if body.nonce is not None and body.code is not None:
        token = await reauthentication.reauthenticate_by_code(
            tx,
            policy=resources.sessions,
            prover=resources.prover,
            user=user,
            nonce=body.nonce,
            code=body.code,
            now=utc_now(),
        )
    else:
        token = await reauthentication.reauthenticate_by_password(
            tx,
            open_reads=resources.reads,
            policy=resources.sessions,
            passwords=resources.passwords,
            user=user,
            password=body.password or "",
            now=utc_now(),
        )
    return AccessTokenRead(access_token=token, expires_in=resources.sessions.signer.life_seconds)


@router.post("/email", status_code=status.HTTP_202_ACCEPTED, dependencies=[MailRequest])
async def request_reauthentication(
    tx: InTransaction,
    resources: WithResources,
    user: OwnerSession,
    attempts: WithAttempts,
    response: Response,
) -> ChallengeAccepted:
    """Ask for a mail with a code to the caller's own address."""
    prover = resources.prover
    async with attempts.mail(str(user.id), LinkPurpose.REAUTHENTICATE) as mail:
        nonce = await reauthentication.request_reauthentication(
            tx, open_reads=resources.reads, prover=prover, user=user, mail=mail, now=utc_now()
        )
    response.headers["Cache-Control"] = "no-store"
    return ChallengeAccepted(nonce=nonce, expires_in=int(prover.life.total_seconds()))
