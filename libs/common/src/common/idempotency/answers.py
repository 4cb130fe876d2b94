"""One effect for each key: a lock while it runs, and a row that commits with the effect."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from common.errors import Conflict, Invalid
from common.idempotency.tables import IdempotencyKey

KEEP: Final = timedelta(hours=24)


class KeyInUse(Conflict):
    code = "common.idempotency_key_in_use"
    message = "A request with this Idempotency-Key is being answered; ask again for its answer."


class KeyReused(Invalid):
    code = "common.idempotency_key_reused"
    message = "This Idempotency-Key came with another request before; a new one needs a new key."


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent again: the status, the headers in their order, the very bytes of the body."""

    status: int
    headers: list[list[str]]
    body: bytes


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request as its key knows it.

    Attributes:
        id: SHA-256 of the caller, the route, the path and the key.
        content_hash: SHA-256 of the query and the body.
    """

    id: bytes
    content_hash: bytes

    @classmethod
    def of(
        cls, *, caller_id: UUID, route: str, path: str, key: str, query: bytes, body: bytes
    ) -> Self:
        """Return a request as its key knows it.

        Args:
            caller_id: Whom its token speaks for; two callers may choose the same key.
            route: Its method and the template of its path.
            path: As it was asked for.
            key: Chosen by the caller.
            query: As it was sent; it counts as a part of the body.
            body: As it was sent: a retry repeats the bytes.
        """
        return cls(
            id=_digest(caller_id.bytes, route.encode(), path.encode(), key.encode()),
            content_hash=_digest(query, body),
        )

    @property
    def lock(self) -> int:
        """The key of its advisory lock: a bigint."""
        return int.from_bytes(self.id[:8], signed=True)


async def claim_key(
    session: AsyncSession, request: KeyedRequest, *, now: datetime
) -> Answer | None:
    """Hold the key until the transaction ends; return the answer that was kept for it, if any.

    Raises:
        KeyInUse: Another transaction holds it.
        KeyReused: The answer that is kept is one to another request.
    """
    if not await session.scalar(select(func.pg_try_advisory_xact_lock(request.lock))):
        raise KeyInUse
    # A statement of its own: only its snapshot is sure to see what the last holder committed.
    kept = select(IdempotencyKey).where(
        IdempotencyKey.id == request.id, IdempotencyKey.created_at > now - KEEP
    )
    row = await session.scalar(kept)
    if row is None:
        return None
    if row.request_hash != request.content_hash:
        raise KeyReused
    return Answer(row.status, row.headers, row.body)


async def keep_answer(
    session: AsyncSession, request: KeyedRequest, answer: Answer, *, now: datetime
) -> None:
    """Write the answer to a request whose key the transaction holds; it commits with the effect."""
    values = {
        "request_hash": request.content_hash,
        "status": answer.status,
        "headers": answer.headers,
        "body": answer.body,
        "created_at": now,
    }
    row = insert(IdempotencyKey).values(id=request.id, **values)
    # One whose time is over may still be there.
    await session.execute(row.on_conflict_do_update(index_elements=["id"], set_=values))


def _digest(*parts: bytes) -> bytes:
    """Return the SHA-256 of parts, none of which can pass for the end of another."""
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).digest()
