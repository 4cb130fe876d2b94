"""Login by mail: a link that works where it was asked for, or a code that is typed in there."""

from fastapi import APIRouter, Response, status

from auth_service.api.dependencies import FromClient, InTransaction, WithResources
from auth_service.api.handover import ToClient
from auth_service.api.limits import MailRequest, TokenAttempt, WithAttempts
from auth_service.api.pages import login_page
from auth_service.api.schemas.credentials import MailRequested
from auth_service.api.schemas.email_logins import ChallengeAccepted, CodeLogin, LinkLogin
from auth_service.api.schemas.sessions import TokensRead
from auth_service.models import LinkPurpose
from auth_service.usecases import email_logins
from common.clock import utc_now

router = APIRouter(prefix="/api/v1/auth/email-login", tags=["sessions"])


@router.post("", status_code=status.HTTP_202_ACCEPTED, dependencies=[MailRequest])
async def request_login(
    body: MailRequested,
    tx: InTransaction,
    resources: WithResources,
    to: ToClient,
    attempts: WithAttempts,
) -> ChallengeAccepted:
    """Ask for a mail with a link and a code to log in; the answer is the same for any address."""
    prover = resources.prover
    async with attempts.mail(body.email, LinkPurpose.LOG_IN) as mail:
        nonce = await email_logins.request_login(
            tx, prover=prover, email=body.email, mail=mail, now=utc_now()
        )
    return to.give_nonce(nonce, int(prover.life.total_seconds()))


@router.post("/code", dependencies=[TokenAttempt])
async def log_in_by_code(
    body: CodeLogin,
    tx: InTransaction,
    resources: WithResources,
    client: FromClient,
    to: ToClient,
) -> TokensRead:
    """Open a session with the mailed code, where it was asked for, once."""
    tokens = await email_logins.log_in_by_code(
        tx,
        prover=resources.prover,
        policy=resources.sessions,
        nonce=to.nonce(body.nonce) or "",
        code=body.code,
        client=client,
        now=utc_now(),
    )
    return to.give_tokens(tokens)


@router.get("/link", response_class=Response, include_in_schema=False)
async def show_login() -> Response:
    """Show the page that a mailed link opens; only its button uses the token up."""
    return login_page()


@router.post("/link", dependencies=[TokenAttempt])
async def log_in_by_link(
    body: LinkLogin,
    tx: InTransaction,
    resources: WithResources,
    client: FromClient,
    to: ToClient,
) -> TokensRead:
    """Open a session with the token of the mailed link, where it was asked for, once."""
    tokens = await email_logins.log_in_by_link(
        tx,
        prover=resources.prover,
        policy=resources.sessions,
        nonce=to.nonce(body.nonce),
        token=body.token,
        client=client,
        now=utc_now(),
    )
    return to.give_tokens(tokens)
