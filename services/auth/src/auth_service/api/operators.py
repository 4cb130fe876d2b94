"""Accounts as an operator changes them with `colonnade auth …`: how the first admin comes to be.

Who calls is a service, whose environment the operator has; who it is, and why, is logged and kept
in the audit.
"""

from typing import Annotated
from uuid import UUID

import structlog
from fastapi import APIRouter, Query, status

from auth_service.api.dependencies import InTransaction, WithReads, WithResources
from auth_service.api.schemas.administration import (
    AccountRead,
    AccountsRead,
    OperatorAction,
    RoleAction,
)
from auth_service.api.schemas.personal_keys import KeyRevocation, KeysRevoked, PersonalKeyRead
from auth_service.usecases import administration, personal_keys
from common.clock import utc_now
from common.http.dependencies import CurrentCaller, Pagination
from common.http.pagination import Page

router = APIRouter(prefix="/internal/accounts", tags=["internal"])

Search = Annotated[str, Query(min_length=1, max_length=254)]

_KEYS = "operator_keys"
_MOST = 100

log = structlog.get_logger()


@router.get("")
async def find_accounts(query: Search, reads: WithReads, caller: CurrentCaller) -> AccountsRead:
    """List up to 100 accounts: of an address, or whose username begins so."""
    del caller  # Any service may ask; who it is has been verified.
    found = await administration.search_accounts(reads, query=query, after=None, limit=_MOST)
    return AccountsRead(items=[AccountRead.model_validate(each) for each in found])


@router.post("/{account_id}/disable", status_code=status.HTTP_204_NO_CONTENT)
async def disable_for_operator(
    account_id: UUID,
    body: OperatorAction,
    tx: InTransaction,
    resources: WithResources,
    caller: CurrentCaller,
) -> None:
    """Let nobody log in to an account; its sessions end."""
    await administration.disable_account(
        tx,
        policy=resources.sessions,
        actor=body.operator(caller),
        account_id=account_id,
        now=utc_now(),
    )
    _note("account_disabled", account_id, body, caller)


@router.post("/{account_id}/enable", status_code=status.HTTP_204_NO_CONTENT)
async def enable_for_operator(
    account_id: UUID, body: OperatorAction, tx: InTransaction, caller: CurrentCaller
) -> None:
    """Let the owner of an account log in again."""
    await administration.enable_account(tx, actor=body.operator(caller), account_id=account_id)
    _note("account_enabled", account_id, body, caller)


@router.post("/{account_id}/logout", status_code=status.HTTP_204_NO_CONTENT)
async def log_out_for_operator(
    account_id: UUID,
    body: OperatorAction,
    tx: InTransaction,
    resources: WithResources,
    caller: CurrentCaller,
) -> None:
    """End all sessions of an account."""
    await administration.log_out_account(
        tx,
        policy=resources.sessions,
        actor=body.operator(caller),
        account_id=account_id,
        now=utc_now(),
    )
    _note("account_logged_out", account_id, body, caller)


@router.post("/{account_id}/grant", status_code=status.HTTP_204_NO_CONTENT)
async def grant_for_operator(
    account_id: UUID,
    body: RoleAction,
    tx: InTransaction,
    resources: WithResources,
    caller: CurrentCaller,
) -> None:
    """Give an account a role; its sessions end."""
    await administration.grant_role(
        tx,
        policy=resources.sessions,
        actor=body.operator(caller),
        account_id=account_id,
        role=body.role,
        now=utc_now(),
    )
    _note("role_granted", account_id, body, caller, role=body.role)


@router.post("/{account_id}/withdraw", status_code=status.HTTP_204_NO_CONTENT)
async def withdraw_for_operator(
    account_id: UUID,
    body: RoleAction,
    tx: InTransaction,
    resources: WithResources,
    caller: CurrentCaller,
) -> None:
    """Take a role from an account; its sessions end."""
    await administration.withdraw_role(
        tx,
        policy=resources.sessions,
        actor=body.operator(caller),
        account_id=account_id,
        role=body.role,
        now=utc_now(),
    )
    _note("role_withdrawn", account_id, body, caller, role=body.role)


@router.get("/{account_id}/keys")
async def list_keys_for_operator(
    account_id: UUID, reads: WithReads, page: Pagination, caller: CurrentCaller
) -> Page[PersonalKeyRead]:
    """List the personal access tokens of an account that count, newest first."""
    del caller  # Any service may ask; who it is has been verified.
    after = page.after(_KEYS, UUID)
    found = await personal_keys.list_keys(
        reads,
        account_id=account_id,
        after=after[0] if after else None,
        limit=page.fetch,
        now=utc_now(),
    )
    render = PersonalKeyRead.model_validate
    return page.page(found, kind=_KEYS, key=lambda row: (row.id,), render=render)


@router.post("/{account_id}/keys/revoke")
async def revoke_keys_for_operator(
    account_id: UUID, body: KeyRevocation, tx: InTransaction, caller: CurrentCaller
) -> KeysRevoked:
    """Revoke one of the personal access tokens of an account, or all."""
    revoked = await personal_keys.revoke_keys(
        tx,
        actor=body.operator(caller),
        account_id=account_id,
        key_id=body.key_id,
        now=utc_now(),
    )
    _note("keys_revoked", account_id, body, caller, revoked=str(revoked))
    return KeysRevoked(revoked=revoked)


def _note(event: str, account_id: UUID, body: OperatorAction, caller: str, **more: str) -> None:
    log.warning(
        event, account_id=str(account_id), by=body.by, reason=body.reason, caller=caller, **more
    )
