"""Registration and verification of addresses."""

from fastapi import APIRouter, Response, status

from auth_service.api.dependencies import InTransaction, WithResources
from auth_service.api.limits import MailRequest, TokenAttempt, WithAttempts
from auth_service.api.pages import verification_page
from auth_service.api.schemas.accounts import AccountAccepted, AccountCreate, EmailVerification
from auth_service.models import LinkPurpose
from auth_service.usecases import accounts
from common.clock import utc_now

router = APIRouter(prefix="/api/v1/auth", tags=["accounts"])


@router.post("/register", status_code=status.HTTP_202_ACCEPTED, dependencies=[MailRequest])
async def register_account(
    body: AccountCreate, tx: InTransaction, resources: WithResources, attempts: WithAttempts
) -> AccountAccepted:
    """Register an address. The answer is the same whether or not the address is known."""
    async with attempts.mail(body.email, LinkPurpose.VERIFY_EMAIL) as mail:
        await accounts.register_account(
            tx,
            usernames=resources.usernames,
            passwords=resources.passwords,
            **body.model_dump(),
            mail=mail,
            link_seconds=resources.settings.verification_link_seconds,
            now=utc_now(),
        )
    return AccountAccepted()


@router.get("/verify-email", response_class=Response, include_in_schema=False)
async def show_verification() -> Response:
    """Show the page that a mailed link opens; only its button uses the token up."""
    return verification_page()


@router.post("/verify-email", status_code=status.HTTP_204_NO_CONTENT, dependencies=[TokenAttempt])
async def verify_email(
    body: EmailVerification, tx: InTransaction, resources: WithResources
) -> None:
    """Verify an address with the token of the mailed link, once."""
    await accounts.verify_email(tx, signer=resources.links, token=body.token, now=utc_now())
