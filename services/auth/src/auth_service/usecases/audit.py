"""The audit: what was done to accounts. Entries are chained by hashes after they were committed, so
that none can be changed, removed or slipped in between without anybody being able to tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from prometheus_client import Gauge

from auth_service.models import Action, AuditEntry
from auth_service.models.audit_hashes import GENESIS, hash_entry, hash_personal
from auth_service.repositories.audit import Actor, AuditQuery
from auth_service.unit_of_work import Reads, Tx

BATCH: Final = 500
POLL_SECONDS: Final = 0.2
MEASURE_SECONDS: Final = 5.0

chain_length = Gauge("colonnade_audit_chain_length", "Entries of the audit in its chain.")
chain_waiting = Gauge("colonnade_audit_waiting", "Entries of the audit without a place in it.")
chain_oldest = Gauge(
    "colonnade_audit_oldest_seconds", "Age of the oldest entry of the audit without a place."
)


@dataclass(frozen=True, slots=True)
class End:
    """Where the chain ends, and whether entries may be left that were not chained yet."""

    position: int
    hash: bytes
    more: bool


async def chain_entries(tx: Tx, *, limit: int = BATCH) -> End | None:
    """Give the oldest waiting entries their places; return the new end of the chain, if any.

    Any number of processes may do this: the end of the chain is locked by one at a time.
    """
    if not await tx.audit.has_waiting():
        return None
    head = await tx.audit.take_turn()
    # Whoever had the turn may have left nothing to do.
    entries = await tx.audit.list_waiting(limit) if head else []
    if head is None or not entries:
        return None
    places = []
    for entry in entries:
        head.position += 1
        head.hash = hash_entry(head.hash, head.position, entry)
        places.append((entry.id, head.position, head.hash))
    await tx.audit.place(places)
    return End(head.position, head.hash, more=len(entries) == limit)


@dataclass(frozen=True, slots=True)
class Broken:
    """The first place where the chain does not hold.

    `why`: `missing`, `altered`, `personal_altered`, or `end_differs` when the last entry is not
    the one that the chain is known to end with.
    """

    position: int
    why: Literal["missing", "altered", "personal_altered", "end_differs"]
    entry_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Verification:
    """How far the chain was found to hold, the hash there, and where it ends."""

    position: int
    hash: bytes
    end: int
    erased: int
    broken: Broken | None = None


async def verify_chain(reads: Reads, *, after: int, limit: int) -> Verification:
    """Recompute the chain from the entry after a position, for at most `limit` entries."""
    figures = await reads.audit.figures()
    former = await reads.audit.find_chained(after) if after else None
    if after and (former is None or former.hash is None):
        return Verification(after, b"", figures.position, 0, Broken(after, "missing"))
    previous = former.hash if former and former.hash else GENESIS
    entries = await reads.audit.list_chained(after=after, through=figures.position, limit=limit)
    erased = 0
    for position, entry in enumerate(entries, after + 1):
        why = _flaw(previous, position, entry)
        if why:
            found = Broken(position, why, None if why == "missing" else entry.id)
            return Verification(position - 1, previous, figures.position, erased, found)
        previous = entry.hash or b""
        erased += entry.personal is None
    reached = after + len(entries)
    broken = None
    if len(entries) < limit and reached < figures.position:
        broken = Broken(reached + 1, "missing")
    elif reached == figures.position and figures.end != (reached, reached, previous):
        broken = Broken(reached, "end_differs")
    return Verification(reached, previous, figures.position, erased, broken)


def _flaw(
    previous: bytes, position: int, entry: AuditEntry
) -> Literal["missing", "altered", "personal_altered"] | None:
    if entry.position != position:
        return "missing"
    if entry.hash != hash_entry(previous, position, entry):
        return "altered"
    if entry.personal is not None and entry.salt is not None:
        intact = hash_personal(entry.salt, entry.personal) == entry.personal_hash
        return None if intact else "personal_altered"
    return None


async def list_entries(
    reads: Reads, *, query: AuditQuery, after: UUID | None, limit: int
) -> Sequence[AuditEntry]:
    """List entries, the newest first, those before `after`."""
    return await reads.audit.search(query, after=after, limit=limit)


async def erase_entries(tx: Tx, *, actor: Actor, account_id: UUID) -> int:
    """Erase what is personal in the entries about and by an account; the chain still holds.

    That this was done, by whom and why, is an entry itself.
    """
    erased = await tx.audit.erase(account_id)
    details = {"entries": erased}
    tx.audit.add(Action.ENTRIES_ERASED, account_id=account_id, by=actor, details=details)
    return erased


async def measure_chain(reads: Reads, *, now: datetime) -> None:
    """Show how long the chain is and what waits for its place."""
    figures = await reads.audit.figures()
    chain_length.set(figures.position)
    chain_waiting.set(figures.waiting)
    chain_oldest.set((now - (figures.oldest_at or now)).total_seconds())
