"""Profiles: one's own, to read and edit, and anybody's."""

from typing import Any

from fastapi import APIRouter, Response

from common.clock import utc_now
from common.http.dependencies import CurrentUser
from common.http.etag import (
    REVALIDATE,
    Conditions,
    Preconditions,
    etag,
    not_modified,
    tag_headers,
)
from users_service.api.dependencies import InTransaction
from users_service.api.schemas.profiles import ProfileRead, ProfileUpdate
from users_service.models import Profile
from users_service.usecases import profiles

router = APIRouter(prefix="/api/v1/users", tags=["profiles"])

type Responses = dict[int | str, dict[str, Any]]

_NOT_MODIFIED: Responses = {304: {"description": "The client holds this representation."}}
_NO_USER: Responses = {404: {"description": "Nobody has the username."}}
_CHANGED: Responses = {412: {"description": "The profile is no longer what If-Match names."}}
# Anybody may keep it, and asks each time whether it still holds.
_SHARED = "public, no-cache"


@router.get("/me", response_model=ProfileRead, responses=_NOT_MODIFIED)
async def read_own_profile(
    tx: InTransaction, user: CurrentUser, conditions: Conditions
) -> Response:
    """Return the caller's profile."""
    profile = await profiles.read_own_profile(tx, user=user, now=utc_now())
    return _answer(profile, conditions)


@router.patch("/me", response_model=ProfileRead, responses=_CHANGED)
async def edit_own_profile(
    body: ProfileUpdate, tx: InTransaction, user: CurrentUser, conditions: Conditions
) -> Response:
    """Change in the caller's profile what the body names."""
    profile = await profiles.edit_own_profile(
        tx,
        user=user,
        check=lambda current: conditions.require(etag(_body(current))),
        **body.model_dump(exclude_unset=True),
        now=utc_now(),
    )
    return _answer(profile)


@router.get("/{username}", response_model=ProfileRead, responses=_NOT_MODIFIED | _NO_USER)
async def read_profile(username: str, tx: InTransaction, conditions: Conditions) -> Response:
    """Return anybody's profile; nobody has to log in to read it."""
    profile = await profiles.read_profile(tx, username=username)
    return _answer(profile, conditions, cache_control=_SHARED)


def _body(profile: Profile) -> str:
    return ProfileRead.model_validate(profile).model_dump_json()


def _answer(
    profile: Profile, conditions: Preconditions | None = None, cache_control: str = REVALIDATE
) -> Response:
    # The tag is of the very bytes that are sent: they are rendered once.
    body = _body(profile)
    tag = etag(body)
    if conditions is not None and conditions.unchanged(tag):
        return not_modified(tag, cache_control)
    headers = tag_headers(tag, cache_control)
    return Response(body, headers=headers, media_type="application/json")
