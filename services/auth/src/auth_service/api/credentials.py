"""Changes of what one logs in with."""

from fastapi import APIRouter, Response, status

from auth_service.api.dependencies import InTransaction, OwnerSession, SessionUser, WithResources
from auth_service.api.limits import MailRequest, ProofAttempt, TokenAttempt, WithAttempts
from auth_service.api.pages import confirmation_page, reset_page
from auth_service.api.schemas.credentials import (
    EmailChange,
    EmailConfirmation,
    MailAccepted,
    MailRequested,
    PasswordChange,
    PasswordReset,
    UsernameChange,
)
from auth_service.models import LinkPurpose
from auth_service.usecases import credentials, mail_requests
from common.clock import utc_now

router = APIRouter(prefix="/api/v1/auth", tags=["credentials"])


@router.post(
    "/change-password", status_code=status.HTTP_204_NO_CONTENT, dependencies=[ProofAttempt]
)
async def change_password(
    body: PasswordChange, tx: InTransaction, resources: WithResources, user: OwnerSession
) -> None:
    """Change the caller's password; every session ends, this one too."""
    await credentials.change_password(
        tx,
        open_reads=resources.reads,
        passwords=resources.passwords,
        policy=resources.sessions,
        user=user,
        **body.model_dump(),
        now=utc_now(),
    )


@router.post("/forgot-password", status_code=status.HTTP_202_ACCEPTED, dependencies=[MailRequest])
async def forget_password(
    body: MailRequested, tx: InTransaction, attempts: WithAttempts
) -> MailAccepted:
    """Ask for a mail that leads to a new password; the answer is the same for any address."""
    purpose = LinkPurpose.RESET_PASSWORD
    async with attempts.mail(body.email, purpose) as mail:
        if mail:
            await mail_requests.request_mail(tx, email=body.email, purpose=purpose, now=utc_now())
    return MailAccepted()


@router.post(
    "/resend-verification", status_code=status.HTTP_202_ACCEPTED, dependencies=[MailRequest]
)
async def resend_verification(
    body: MailRequested, tx: InTransaction, attempts: WithAttempts
) -> MailAccepted:
    """Ask for another mail that verifies an address; the answer is the same for any address."""
    purpose = LinkPurpose.VERIFY_EMAIL
    async with attempts.mail(body.email, purpose) as mail:
        if mail:
            await mail_requests.request_mail(tx, email=body.email, purpose=purpose, now=utc_now())
    return MailAccepted()


@router.get("/reset-password", response_class=Response, include_in_schema=False)
async def show_reset() -> Response:
    """Show the page that a mailed link opens; only its form uses the token up."""
    return reset_page()


@router.post("/reset-password", status_code=status.HTTP_204_NO_CONTENT, dependencies=[TokenAttempt])
async def reset_password(body: PasswordReset, tx: InTransaction, resources: WithResources) -> None:
    """Set a new password with the token of the mailed link, once; every session ends."""
    await credentials.reset_password(
        tx,
        open_reads=resources.reads,
        signer=resources.links,
        passwords=resources.passwords,
        policy=resources.sessions,
        **body.model_dump(),
        now=utc_now(),
    )


@router.post(
    "/change-email",
    status_code=status.HTTP_202_ACCEPTED,
    dependencies=[ProofAttempt, MailRequest],
)
async def change_email(
    body: EmailChange,
    tx: InTransaction,
    resources: WithResources,
    user: OwnerSession,
    attempts: WithAttempts,
) -> MailAccepted:
    """Ask for a mail to the caller's new address; the answer is the same for any address."""
    async with attempts.mail(body.email, LinkPurpose.CHANGE_EMAIL) as mail:
        await credentials.request_email_change(
            tx,
            open_reads=resources.reads,
            passwords=resources.passwords,
            policy=resources.sessions,
            user=user,
            **body.model_dump(),
            mail=mail,
            now=utc_now(),
        )
    return MailAccepted()


@router.get("/confirm-email", response_class=Response, include_in_schema=False)
async def show_confirmation() -> Response:
    """Show the page that a mailed link opens; only its button uses the token up."""
    return confirmation_page()


@router.post("/confirm-email", status_code=status.HTTP_204_NO_CONTENT, dependencies=[TokenAttempt])
async def confirm_email(
    body: EmailConfirmation, tx: InTransaction, resources: WithResources
) -> None:
    """Make a new address the account's with the token of the mail to it, once."""
    await credentials.confirm_email(tx, signer=resources.links, token=body.token, now=utc_now())


@router.post("/change-username", status_code=status.HTTP_204_NO_CONTENT)
async def change_username(
    body: UsernameChange, tx: InTransaction, resources: WithResources, user: SessionUser
) -> None:
    """Change the caller's username; copies of it follow."""
    names = resources.usernames
    await credentials.change_username(tx, usernames=names, user=user, username=body.username)
