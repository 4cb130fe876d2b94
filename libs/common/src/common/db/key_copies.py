"""Personal access tokens in each service's own schema: found by their hash, until they expire.

A token that was revoked stays until then, so that an older event does not bring it back.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    LargeBinary,
    String,
    UniqueConstraint,
    bindparam,
    delete,
    func,
    literal,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from common.clock import utc_now
from common.db.base import Base
from common.db.direct import Direct, Statement
from common.db.engine import Database
from common.db.revocations import add_revocations
from common.personal_keys.card import KeyCard
from common.place import Place

# Longer than any process remembers a token without looking it up again.
_REVOCATION_LIFE: Final = timedelta(minutes=3)


class KeyCopy(Base):
    """`(epoch, position)` is the event that wrote the row last."""

    __tablename__ = "key_copies"
    __table_args__ = (UniqueConstraint("token_hash"),)

    key_id: Mapped[UUID] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    account_id: Mapped[UUID] = mapped_column(index=True)
    username: Mapped[str]
    scopes: Mapped[list[str]] = mapped_column(ARRAY(String))
    expires_at: Mapped[datetime] = mapped_column(index=True)
    revoked_at: Mapped[datetime | None]
    epoch: Mapped[int] = mapped_column(BigInteger)
    position: Mapped[int] = mapped_column(BigInteger)


_FIND: Final = Statement(
    select(
        KeyCopy.key_id, KeyCopy.account_id, KeyCopy.username, KeyCopy.scopes, KeyCopy.expires_at
    ).where(KeyCopy.token_hash == bindparam("token_hash"), KeyCopy.revoked_at.is_(None))
)


async def find_key(direct: Direct, token_hash: bytes) -> KeyCard | None:
    """Return the token of a hash; None for one that is not here, or was revoked.

    Raises:
        Unavailable: PostgreSQL does not answer.
    """
    row = await direct.first(_FIND, token_hash=token_hash)
    if row is None:
        return None
    key_id, account_id, username, scopes, expires_at = row
    return KeyCard(
        key_id=key_id,
        account_id=account_id,
        username=username,
        scopes=list(scopes),
        expires_at=expires_at,
    )


async def copy_key(session: AsyncSession, card: KeyCard, token_hash: bytes, place: Place) -> None:
    """Write a token as its issuer told it at this place; what is newer, or revoked, stays so."""
    new = insert(KeyCopy).values(
        token_hash=token_hash, epoch=place.epoch, position=place.position, **card.model_dump()
    )
    told = ("username", "scopes", "expires_at", "epoch", "position")
    changes: dict[str, Any] = {name: new.excluded[name] for name in told}
    await session.execute(
        new.on_conflict_do_update(
            index_elements=["key_id"], set_=changes, where=_older(place, or_same=False)
        )
    )


async def revoke_keys(
    session: AsyncSession, key_ids: Sequence[UUID], *, revoked_at: datetime, place: Place
) -> None:
    """Write that these tokens count no longer, and let each process hear of it."""
    revoked = update(KeyCopy).where(KeyCopy.key_id.in_(key_ids), _older(place, or_same=True))
    await session.execute(
        revoked.values(revoked_at=revoked_at, epoch=place.epoch, position=place.position)
    )
    await _tell(session, key_ids)


async def rename_owner(
    session: AsyncSession, account_id: UUID, username: str, place: Place
) -> None:
    """Write that the owner of tokens has another username."""
    renamed = update(KeyCopy).where(KeyCopy.account_id == account_id, _older(place, or_same=True))
    await session.execute(
        renamed.values(username=username, epoch=place.epoch, position=place.position)
    )


async def forget_keys(session: AsyncSession, place: Place) -> None:
    """Remove the tokens that nothing at this place or after it has told of."""
    gone = delete(KeyCopy).where(_older(place, or_same=False)).returning(KeyCopy.key_id)
    await _tell(session, list((await session.execute(gone)).scalars()))


async def forget_expired_keys(database: Database) -> None:
    """Delete what has expired, revoked or not.

    Raises:
        Unavailable: PostgreSQL does not answer.
    """
    over = select(KeyCopy.key_id).where(KeyCopy.expires_at <= func.now())
    own = over.with_for_update(skip_locked=True)
    async with database.transaction() as session:
        await session.execute(delete(KeyCopy).where(KeyCopy.key_id.in_(own)))


async def _tell(session: AsyncSession, key_ids: Sequence[UUID]) -> None:
    """Have every process that remembers these tokens refuse them (`common.revocations`)."""
    await add_revocations(session, key_ids, expires_at=utc_now() + _REVOCATION_LIFE)


def _older(place: Place, *, or_same: bool) -> Any:
    """Return the condition that nothing after a place has written a row."""
    own = tuple_(KeyCopy.epoch, KeyCopy.position)
    there = tuple_(literal(place.epoch), literal(place.position))
    return own <= there if or_same else own < there
