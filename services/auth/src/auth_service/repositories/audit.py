"""Entries of the audit: added with the fact, given their place in the chain, read page by page."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    LargeBinary,
    Select,
    Uuid,
    bindparam,
    func,
    insert,
    select,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from auth_service.models import Action, AuditEntry, AuditHead, Base
from auth_service.models.audit_hashes import hash_personal
from common.clock import utc_now
from common.db import write_later
from common.ids import new_id
from common.tokens import User

type Origin = Mapping[str, str | None]
"""Where a transaction comes from: `network` and `user_agent`, as far as they are known."""


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody at the command line, as they said themselves; `caller` is the verified service."""

    name: str
    reason: str
    caller: str


@dataclass(frozen=True, slots=True)
class Owner:
    """The owner of an account who has proved that, with the session that this opened or used."""

    id: UUID
    session_id: UUID | None = None


type Actor = User | Owner | Operator | None
"""Who did it; None is somebody who has proved nothing."""

_ADD: Final = insert(AuditEntry)
_CLOCK_SECONDS: Final = 10


class Audit:
    """Adds to the audit what the transaction does; `origin` is where it was asked for."""

    def __init__(self, session: AsyncSession, origin: Origin) -> None:
        self._session = session
        self._origin = origin

    def add(
        self,
        action: Action,
        *,
        account_id: UUID | None,
        by: Actor,
        details: Mapping[str, Any] | None = None,
        personal: Mapping[str, str] | None = None,
    ) -> None:
        """Write what is done, at the latest with the commit.

        Args:
            action: What is done.
            account_id: Whose account it is done to.
            by: Who does it.
            details: What else belongs to it; kept for ever, so nothing personal.
            personal: What is erased with the account.
        """
        row = self.values(action, account_id=account_id, by=by, details=details, personal=personal)
        write_later(self._session, _ADD, row)

    def values(
        self,
        action: Action,
        *,
        account_id: UUID | None,
        by: Actor,
        details: Mapping[str, Any] | None = None,
        personal: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Return the columns of an entry, for a statement that writes it with the fact."""
        said = {**self._origin, **_said_by(by), **(personal or {})}
        kept = {name: value for name, value in said.items() if value}
        salt = secrets.token_bytes(16)
        return {
            "id": new_id(),
            "occurred_at": utc_now(),
            "action": action,
            "account_id": account_id,
            **_columns_of(by),
            "details": dict(details or {}),
            "personal_hash": hash_personal(salt, kept),
            "personal": kept,
            "salt": salt,
        }

    async def has_waiting(self) -> bool:
        """Tell whether an entry has no place in the chain yet."""
        waiting = select(AuditEntry.id).where(AuditEntry.position.is_(None)).limit(1)
        return (await self._session.execute(waiting)).first() is not None

    async def take_turn(self) -> AuditHead | None:
        """Return the end of the chain, locked; None while another process makes it longer."""
        head = select(AuditHead).with_for_update(skip_locked=True)
        return (await self._session.execute(head)).scalar_one_or_none()

    async def list_waiting(self, limit: int) -> Sequence[AuditEntry]:
        """Return entries without a place, the oldest first."""
        waiting = select(AuditEntry).where(AuditEntry.position.is_(None)).order_by(AuditEntry.id)
        return (await self._session.execute(waiting.limit(limit))).scalars().all()

    async def place(self, places: Sequence[tuple[UUID, int, bytes]]) -> None:
        """Give entries their positions and hashes, by id."""
        ids, positions, hashes = zip(*places, strict=True)
        given = {"ids": list(ids), "positions": list(positions), "hashes": list(hashes)}
        await self._session.execute(_PLACE, given)

    async def erase(self, account_id: UUID) -> int:
        """Erase what is personal in the entries about or by an account; return of how many."""
        both = (AuditEntry.account_id == account_id) | (AuditEntry.actor_id == account_id)
        erased = (
            update(AuditEntry)
            .where(both, AuditEntry.personal.is_not(None))
            .values(personal=None, salt=None)
            .returning(AuditEntry.id)
            .execution_options(synchronize_session=False)
        )
        return len((await self._session.execute(erased)).all())


def _place() -> Any:
    arrays = (
        func.unnest(
            bindparam("ids", type_=ARRAY(Uuid())),
            bindparam("positions", type_=ARRAY(BigInteger())),
            bindparam("hashes", type_=ARRAY(LargeBinary())),
        )
        .table_valued("id", "position", "hash")
        .render_derived("given")
    )
    table = Base.metadata.tables[AuditEntry.__tablename__]
    return (
        update(table)
        .where(table.c.id == arrays.c.id)
        .values(position=arrays.c.position, hash=arrays.c.hash)
    )


_PLACE: Final = _place()


def _columns_of(by: Actor) -> dict[str, UUID | None]:
    match by:
        case User():
            return _doer(by.id, by.sid, by.impersonator)
        case Owner():
            return _doer(by.id, by.session_id)
    return _doer()


def _doer(
    actor_id: UUID | None = None,
    session_id: UUID | None = None,
    impersonator_id: UUID | None = None,
) -> dict[str, UUID | None]:
    return {"actor_id": actor_id, "session_id": session_id, "impersonator_id": impersonator_id}


def _said_by(by: Actor) -> dict[str, str]:
    if isinstance(by, Operator):
        return {"operator": by.name, "reason": by.reason, "caller": by.caller}
    return {}


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which entries are asked for; None means any."""

    account_id: UUID | None = None
    action: Action | None = None
    actor_id: UUID | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuditFigures:
    """The end of the chain, its last entry, and what has no place yet, in one view."""

    position: int
    hash: bytes
    last_position: int
    waiting: int
    oldest_at: datetime | None

    @property
    def end(self) -> tuple[int, int, bytes]:
        """What the chain is known to end with, and the last position that there is."""
        return self.position, self.last_position, self.hash


class AuditReads:
    """The audit outside of a transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def search(
        self, query: AuditQuery, *, after: UUID | None, limit: int
    ) -> Sequence[AuditEntry]:
        """Return the newest entries first, those before `after`."""
        found = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
        if query.account_id is not None:
            found = found.where(AuditEntry.account_id == query.account_id)
        if query.action is not None:
            found = found.where(AuditEntry.action == query.action)
        if query.actor_id is not None:
            found = found.where(AuditEntry.actor_id == query.actor_id)
        if query.since is not None:
            # An id is made with the time of its entry: it ends the search in any of the indexes.
            first = _first_id(query.since)
            found = found.where(AuditEntry.occurred_at >= query.since, AuditEntry.id >= first)
        if after is not None:
            found = found.where(AuditEntry.id < after)
        return await self._entries(found)

    async def list_chained(self, *, after: int, through: int, limit: int) -> Sequence[AuditEntry]:
        """Return the entries at positions after one and up to another, in order."""
        chained = select(AuditEntry).where(
            AuditEntry.position > after, AuditEntry.position <= through
        )
        return await self._entries(chained.order_by(AuditEntry.position).limit(limit))

    async def find_chained(self, position: int) -> AuditEntry | None:
        """Return the entry at a position."""
        found = await self._entries(select(AuditEntry).where(AuditEntry.position == position))
        return found[0] if found else None

    async def figures(self) -> AuditFigures:
        """Return how long the chain is and what waits for its place."""
        last = select(func.coalesce(func.max(AuditEntry.position), 0)).scalar_subquery()
        waiting = (
            select(func.count().label("count"), func.min(AuditEntry.occurred_at).label("oldest"))
            .where(AuditEntry.position.is_(None))
            .subquery()
        )
        columns = (AuditHead.position, AuditHead.hash, last, waiting.c.count, waiting.c.oldest)
        query = select(*columns).join_from(AuditHead, waiting, true())
        return AuditFigures(*(await self._connection.execute(query)).one())

    async def _entries(self, query: Select[AuditEntry]) -> Sequence[AuditEntry]:
        # A connection returns columns; they are an entry that belongs to no session.
        rows = await self._connection.execute(query)
        return [AuditEntry(**row) for row in rows.mappings()]


def _first_id(moment: datetime) -> UUID:
    """Return an id that sorts before those made at that time or later (UUIDv7, RFC 9562)."""
    # An entry's id and time are two looks at the clock, which may be set in between.
    earlier = moment.timestamp() - _CLOCK_SECONDS
    return UUID(int=max(0, int(earlier * 1000)) << 80)
