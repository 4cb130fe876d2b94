"""Blocking somebody, and no longer: both may be repeated. Whom one blocks, nobody else reads."""

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, status

from common.clock import utc_now
from common.http.dependencies import CurrentUser
from common.http.pagination import Page, Pagination
from users_service.api.dependencies import InTransaction
from users_service.api.schemas.relations import ListedUserRead
from users_service.usecases import blocks

router = APIRouter(prefix="/api/v1/users", tags=["blocks"])

_NO_USER: dict[int | str, dict[str, Any]] = {404: {"description": "Nobody has the username."}}
_ONESELF: dict[int | str, dict[str, Any]] = {409: {"description": "It is the caller's own."}}
_LIST = "blocks"


@router.get("/me/blocks")
async def list_own_blocks(
    tx: InTransaction, user: CurrentUser, page: Pagination
) -> Page[ListedUserRead]:
    """List whom the caller blocks, newest first."""
    after = page.after(_LIST, datetime, UUID)
    cards = await blocks.list_own_blocks(tx, user_id=user.id, after=after, limit=page.fetch)
    return page.page(
        cards,
        kind=_LIST,
        key=lambda card: (card.since, card.id),
        render=ListedUserRead.model_validate,
    )


@router.put(
    "/{username}/block", status_code=status.HTTP_204_NO_CONTENT, responses=_NO_USER | _ONESELF
)
async def block_user(username: str, tx: InTransaction, user: CurrentUser) -> None:
    """Block somebody from now on; follows between the two end."""
    await blocks.block_user(tx, user=user, username=username, now=utc_now())


@router.delete("/{username}/block", status_code=status.HTTP_204_NO_CONTENT, responses=_NO_USER)
async def unblock_user(username: str, tx: InTransaction, user: CurrentUser) -> None:
    """Block somebody no longer."""
    await blocks.unblock_user(tx, user=user, username=username, now=utc_now())
