"""The audit: one's own entries, all of them for admins, and what operators verify and erase."""

import re
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BeforeValidator

from auth_service.api.dependencies import InTransaction, WithReads, requires
from auth_service.api.schemas.audit import (
    BrokenRead,
    EntryRead,
    Erasure,
    ErasureRead,
    OwnEntryRead,
    VerificationRead,
)
from auth_service.models import Action, AuditEntry
from auth_service.repositories.audit import AuditQuery
from auth_service.usecases import audit, roles
from auth_service.usecases.devices import describe_device
from common.http.dependencies import CurrentCaller, CurrentUser, Pagination
from common.http.pagination import Page
from common.tokens import User

router = APIRouter(tags=["audit"])

AuditReader = Annotated[User, requires(roles.READ_AUDIT)]

_OWN = "own_audit"
_ALL = "audit"
_MOST = 5000
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
# What is done by who proves nothing.
_UNPROVED = (Action.LOGIN_REFUSED, Action.CODE_REFUSED, Action.SESSION_STOLEN)

log = structlog.get_logger()


def _written(value: Any) -> Any:
    """Refuse numbers, which Pydantic takes for seconds since 1970."""
    if isinstance(value, str) and not _DATE.match(value):
        raise ValueError("A time is written as RFC 3339 says.")
    return value


Since = Annotated[AwareDatetime, BeforeValidator(_written)]


async def audit_query(
    account: Annotated[UUID | None, Query(description="Whose account it is about.")] = None,
    action: Annotated[Action | None, Query(description="What was done.")] = None,
    actor: Annotated[UUID | None, Query(description="Who did it.")] = None,
    since: Annotated[Since | None, Query(description="Not what was done before.")] = None,
) -> AuditQuery:
    """Return which entries are asked for."""
    return AuditQuery(account_id=account, action=action, actor_id=actor, since=since)


Asked = Annotated[AuditQuery, Depends(audit_query)]


@router.get("/api/v1/auth/audit")
async def list_own_audit(
    user: CurrentUser, reads: WithReads, page: Pagination
) -> Page[OwnEntryRead]:
    """List what was done to the caller's account, the newest first."""
    after = page.after(_OWN, UUID)
    found = await audit.list_entries(
        reads,
        query=AuditQuery(account_id=user.id),
        after=after[0] if after else None,
        limit=page.fetch,
    )
    return page.page(found, kind=_OWN, key=lambda row: (row.id,), render=_own)


@router.get("/api/v1/auth/admin/audit", tags=["administration"])
async def list_audit(
    user: AuditReader, reads: WithReads, page: Pagination, query: Asked
) -> Page[EntryRead]:
    """List entries of all accounts, the newest first."""
    del user  # Its scope is all that counts.
    return await _list(reads, page, query)


@router.get("/internal/audit", tags=["internal"])
async def list_audit_for_operator(
    reads: WithReads, page: Pagination, query: Asked, caller: CurrentCaller
) -> Page[EntryRead]:
    """List entries of all accounts, the newest first."""
    del caller  # Any service may ask; who it is has been verified.
    return await _list(reads, page, query)


@router.get("/internal/audit/verification", tags=["internal"])
async def verify_audit(
    reads: WithReads,
    caller: CurrentCaller,
    after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
    limit: Annotated[int, Query(ge=1, le=_MOST)] = _MOST,
) -> VerificationRead:
    """Recompute the part of the chain that follows a position."""
    del caller  # Any service may ask; who it is has been verified.
    found = await audit.verify_chain(reads, after=after, limit=limit)
    broken = found.broken
    return VerificationRead(
        position=found.position,
        hash=found.hash.hex(),
        end=found.end,
        erased=found.erased,
        broken=BrokenRead(position=broken.position, why=broken.why, entry_id=broken.entry_id)
        if broken
        else None,
    )


@router.post("/internal/audit/erase", tags=["internal"])
async def erase_audit(body: Erasure, tx: InTransaction, caller: CurrentCaller) -> ErasureRead:
    """Erase what is personal in the entries about and by an account."""
    actor = body.operator(caller)
    erased = await audit.erase_entries(tx, actor=actor, account_id=body.account_id)
    log.warning("audit_erased", account_id=str(body.account_id), by=body.by, caller=caller)
    return ErasureRead(erased=erased)


async def _list(reads: WithReads, page: Pagination, query: AuditQuery) -> Page[EntryRead]:
    after = page.after(_ALL, UUID)
    found = await audit.list_entries(
        reads, query=query, after=after[0] if after else None, limit=page.fetch
    )
    return page.page(found, kind=_ALL, key=lambda row: (row.id,), render=_entry)


def _own(row: AuditEntry) -> OwnEntryRead:
    by = _by(row)
    # Where staff works from is not the owner's business.
    personal = (row.personal or {}) if by != "staff" else {}
    agent = personal.get("user_agent")
    return OwnEntryRead(
        id=row.id,
        occurred_at=row.occurred_at,
        action=Action(row.action),
        by=by,
        device=describe_device(agent) if agent else None,
        network=personal.get("network"),
        details=row.details,
    )


def _by(row: AuditEntry) -> Literal["you", "staff", "staff_as_you", "somebody"]:
    if row.impersonator_id is not None:
        return "staff_as_you"
    if row.actor_id == row.account_id:
        return "you"
    # An operator has no account: what names them may have been erased.
    return "somebody" if row.actor_id is None and row.action in _UNPROVED else "staff"


def _entry(row: AuditEntry) -> EntryRead:
    return EntryRead(
        id=row.id,
        occurred_at=row.occurred_at,
        action=Action(row.action),
        account_id=row.account_id,
        actor_id=row.actor_id,
        session_id=row.session_id,
        impersonator_id=row.impersonator_id,
        details=row.details,
        personal=row.personal,
        position=row.position,
        hash=row.hash.hex() if row.hash else None,
    )
