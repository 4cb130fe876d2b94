"""Following somebody, and no longer: both may be repeated."""

from typing import Any

from fastapi import APIRouter, status

from common.clock import utc_now
from common.http.dependencies import CurrentUser
from users_service.api.dependencies import InTransaction
from users_service.usecases import follows

router = APIRouter(prefix="/api/v1/users/{username}/follow", tags=["follows"])

_NO_USER: dict[int | str, dict[str, Any]] = {404: {"description": "Nobody has the username."}}
_REFUSED: dict[int | str, dict[str, Any]] = {403: {"description": "This user cannot be followed."}}
_ONESELF: dict[int | str, dict[str, Any]] = {409: {"description": "It is the caller's own."}}


@router.put("", status_code=status.HTTP_204_NO_CONTENT, responses=_NO_USER | _REFUSED | _ONESELF)
async def follow_user(username: str, tx: InTransaction, user: CurrentUser) -> None:
    """Follow somebody from now on."""
    await follows.follow_user(tx, user=user, username=username, now=utc_now())


@router.delete("", status_code=status.HTTP_204_NO_CONTENT, responses=_NO_USER)
async def unfollow_user(username: str, tx: InTransaction, user: CurrentUser) -> None:
    """Follow somebody no longer."""
    await follows.unfollow_user(tx, user=user, username=username, now=utc_now())
