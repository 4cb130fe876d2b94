"""Personal access tokens: only who has logged in issues, sees and revokes them."""

from uuid import UUID

from fastapi import APIRouter, Depends, Response, status

from auth_service.api.dependencies import (
    InTransaction,
    OwnerSession,
    SessionUser,
    WithReads,
    WithResources,
    recent_user,
)
from auth_service.api.schemas.personal_keys import (
    PersonalKeyCreate,
    PersonalKeyCreated,
    PersonalKeyRead,
)
from auth_service.usecases import personal_keys
from common.clock import utc_now
from common.http.dependencies import CurrentSession, Pagination
from common.http.pagination import Page

router = APIRouter(prefix="/api/v1/auth/keys", tags=["personal access tokens"])

_KIND = "keys"


@router.post("", status_code=status.HTTP_201_CREATED, dependencies=[Depends(recent_user)])
async def create_key(
    body: PersonalKeyCreate,
    user: OwnerSession,
    tx: InTransaction,
    resources: WithResources,
    response: Response,
) -> PersonalKeyCreated:
    """Issue a token to the caller; the answer is the only one that tells it."""
    new = await personal_keys.issue_key(
        tx, policy=resources.personal_keys, user=user, **body.model_dump(), now=utc_now()
    )
    response.headers["Cache-Control"] = "no-store"
    read = PersonalKeyRead.model_validate(new.key)
    return PersonalKeyCreated(**read.model_dump(), token=new.token)


@router.get("")
async def list_keys(
    user: CurrentSession, reads: WithReads, page: Pagination
) -> Page[PersonalKeyRead]:
    """List the caller's tokens that count, newest first."""
    after = page.after(_KIND, UUID)
    found = await personal_keys.list_keys(
        reads,
        account_id=user.id,
        after=after[0] if after else None,
        limit=page.fetch,
        now=utc_now(),
    )
    render = PersonalKeyRead.model_validate
    return page.page(found, kind=_KIND, key=lambda row: (row.id,), render=render)


@router.delete("", status_code=status.HTTP_204_NO_CONTENT)
async def revoke_all_keys(user: SessionUser, tx: InTransaction) -> None:
    """Revoke all of the caller's tokens."""
    await personal_keys.revoke_keys(tx, actor=user, account_id=user.id, now=utc_now())


@router.delete("/{key_id}", status_code=status.HTTP_204_NO_CONTENT)
async def revoke_key(key_id: UUID, user: SessionUser, tx: InTransaction) -> None:
    """Revoke one of the caller's tokens."""
    await personal_keys.revoke_keys(
        tx, actor=user, account_id=user.id, key_id=key_id, now=utc_now()
    )
