"""Accounts as the platform's people see and change them; each route needs a scope."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, status

from auth_service.api.dependencies import (
    InTransaction,
    WithReads,
    WithResources,
    recent_user,
    requires,
)
from auth_service.api.schemas.administration import AccountRead
from auth_service.models import Role
from auth_service.usecases import administration, roles
from common.clock import utc_now
from common.http.dependencies import Pagination
from common.http.pagination import Page
from common.tokens import User

router = APIRouter(prefix="/api/v1/auth/admin/accounts", tags=["administration"])

Reader = Annotated[User, requires(roles.READ_ACCOUNTS)]
SessionEnder = Annotated[User, requires(roles.END_SESSIONS)]
Writer = Annotated[User, requires(roles.WRITE_ACCOUNTS)]
RoleWriter = Annotated[User, requires(roles.WRITE_ROLES)]
Search = Annotated[
    str, Query(max_length=254, description="An address, or how a username begins; all without.")
]

_KIND = "accounts"


@router.get("")
async def list_accounts(
    user: Reader, reads: WithReads, page: Pagination, query: Search = ""
) -> Page[AccountRead]:
    """List accounts, in the order in which they were registered."""
    del user  # Its scope is all that counts.
    after = page.after(_KIND, UUID)
    found = await administration.search_accounts(
        reads, query=query, after=after[0] if after else None, limit=page.fetch
    )
    render = AccountRead.model_validate
    return page.page(found, kind=_KIND, key=lambda row: (row.id,), render=render)


@router.get("/{account_id}")
async def read_account(account_id: UUID, user: Reader, reads: WithReads) -> AccountRead:
    """Return an account."""
    del user  # Its scope is all that counts.
    found = await administration.read_account(reads, account_id=account_id)
    return AccountRead.model_validate(found)


@router.post("/{account_id}/disable", status_code=status.HTTP_204_NO_CONTENT)
async def disable_account(
    account_id: UUID, user: Writer, tx: InTransaction, resources: WithResources
) -> None:
    """Let nobody log in to an account; its sessions end."""
    await administration.disable_account(
        tx, policy=resources.sessions, actor=user, account_id=account_id, now=utc_now()
    )


@router.post("/{account_id}/enable", status_code=status.HTTP_204_NO_CONTENT)
async def enable_account(account_id: UUID, user: Writer, tx: InTransaction) -> None:
    """Let the owner of an account log in again."""
    await administration.enable_account(tx, actor=user, account_id=account_id)


@router.post("/{account_id}/logout", status_code=status.HTTP_204_NO_CONTENT)
async def log_out_account(
    account_id: UUID, user: SessionEnder, tx: InTransaction, resources: WithResources
) -> None:
    """End all sessions of an account."""
    await administration.log_out_account(
        tx, policy=resources.sessions, actor=user, account_id=account_id, now=utc_now()
    )


@router.post("/{account_id}/force-reset", status_code=status.HTTP_204_NO_CONTENT)
async def force_reset(
    account_id: UUID, user: Writer, tx: InTransaction, resources: WithResources
) -> None:
    """Make an account's password worthless and mail its owner how to choose another."""
    await administration.force_reset(
        tx,
        policy=resources.sessions,
        passwords=resources.passwords,
        actor=user,
        account_id=account_id,
        now=utc_now(),
    )


@router.put(
    "/{account_id}/roles/{role}",
    status_code=status.HTTP_204_NO_CONTENT,
    dependencies=[Depends(recent_user)],
)
async def grant_role(
    account_id: UUID, role: Role, user: RoleWriter, tx: InTransaction, resources: WithResources
) -> None:
    """Give an account a role; its sessions end, so that its tokens tell it."""
    await administration.grant_role(
        tx, policy=resources.sessions, actor=user, account_id=account_id, role=role, now=utc_now()
    )


@router.delete("/{account_id}/roles/{role}", status_code=status.HTTP_204_NO_CONTENT)
async def withdraw_role(
    account_id: UUID, role: Role, user: RoleWriter, tx: InTransaction, resources: WithResources
) -> None:
    """Take a role from an account; its sessions end."""
    await administration.withdraw_role(
        tx, policy=resources.sessions, actor=user, account_id=account_id, role=role, now=utc_now()
    )
