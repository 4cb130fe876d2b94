"""The answers that are kept for a day, so that a request that comes again gets the same one."""

from datetime import datetime

from sqlalchemy import SmallInteger
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from common.db.base import Base


class IdempotencyKey(Base):
    """`id` and `request_hash` are SHA-256: of caller, route and key, and of what was sent."""

    __tablename__ = "idempotency_keys"

    # A digest: what it is made of has no bound that an index could hold.
    id: Mapped[bytes] = mapped_column(primary_key=True)
    request_hash: Mapped[bytes]
    status: Mapped[int] = mapped_column(SmallInteger)
    headers: Mapped[list[list[str]]] = mapped_column(JSONB)
    body: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(index=True)
