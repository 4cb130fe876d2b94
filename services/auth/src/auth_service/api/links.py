"""Mailed links, for the service that mails them."""

from uuid import UUID

from fastapi import APIRouter

from auth_service.api.dependencies import InTransaction, WithResources
from auth_service.api.schemas.links import LinkRead
from auth_service.usecases import links
from common.clock import utc_now
from common.http.dependencies import CurrentCaller

router = APIRouter(prefix="/internal/mail-links", tags=["internal"])


@router.get("/{link_id}")
async def read_mail_link(
    link_id: UUID, tx: InTransaction, resources: WithResources, caller: CurrentCaller
) -> LinkRead:
    """Return what to mail, as long as the link can still be used."""
    del caller  # Any service may ask; who it is has been verified.
    signer = resources.links
    mailed = await links.read_mail_link(tx, signer=signer, link_id=link_id, now=utc_now())
    return LinkRead(url=mailed.url, code=mailed.code)
