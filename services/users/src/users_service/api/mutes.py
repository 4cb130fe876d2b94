"""Muting somebody, and no longer: both may be repeated. Whom one mutes, nobody else reads."""

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, status

from common.clock import utc_now
from common.http.dependencies import CurrentUser
from common.http.pagination import Page, Pagination
from users_service.api.dependencies import InTransaction
from users_service.api.schemas.relations import ListedUserRead
from users_service.usecases import mutes

router = APIRouter(prefix="/api/v1/users", tags=["mutes"])

_NO_USER: dict[int | str, dict[str, Any]] = {404: {"description": "Nobody has the username."}}
_ONESELF: dict[int | str, dict[str, Any]] = {409: {"description": "It is the caller's own."}}
_LIST = "mutes"


@router.get("/me/mutes")
async def list_own_mutes(
    tx: InTransaction, user: CurrentUser, page: Pagination
) -> Page[ListedUserRead]:
    """List whom the caller mutes, newest first."""
    after = page.after(_LIST, datetime, UUID)
    cards = await mutes.list_own_mutes(tx, user_id=user.id, after=after, limit=page.fetch)
    return page.page(
        cards,
        kind=_LIST,
        key=lambda card: (card.since, card.id),
        render=ListedUserRead.model_validate,
    )


@router.put(
    "/{username}/mute", status_code=status.HTTP_204_NO_CONTENT, responses=_NO_USER | _ONESELF
)
async def mute_user(username: str, tx: InTransaction, user: CurrentUser) -> None:
    """Mute somebody from now on, without their learning it."""
    await mutes.mute_user(tx, user=user, username=username, now=utc_now())


@router.delete("/{username}/mute", status_code=status.HTTP_204_NO_CONTENT, responses=_NO_USER)
async def unmute_user(username: str, tx: InTransaction, user: CurrentUser) -> None:
    """Mute somebody no longer."""
    await mutes.unmute_user(tx, user=user, username=username, now=utc_now())
