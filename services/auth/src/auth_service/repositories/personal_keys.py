"""Personal access tokens and auth's own copy of them, which its processes verify them by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Uuid,
    column,
    delete,
    func,
    or_,
    select,
    update,
    values,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from auth_service.models import Account, PersonalKey
from common.db.key_copies import copy_key, rename_owner, revoke_keys
from common.personal_keys.card import KeyCard
from common.place import EMPTY

_USES: Final = values(
    column("key_id", Uuid()), column("used_at", DateTime(timezone=True)), name="uses"
)


class PersonalKeys:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, key: PersonalKey, *, username: str) -> None:
        """Add a token of an account with this username."""
        self._session.add(key)
        await self._session.flush()
        card = KeyCard(
            key_id=key.id,
            account_id=key.account_id,
            username=username,
            scopes=key.scopes,
            expires_at=key.expires_at,
        )
        await copy_key(self._session, card, key.token_hash, EMPTY)

    async def count(self, account_id: UUID, *, issued_since: datetime, now: datetime) -> int:
        """Return how many tokens of an account count, or were issued since then."""
        query = select(func.count()).where(
            PersonalKey.account_id == account_id,
            or_(PersonalKey.created_at > issued_since, _counts(now)),
        )
        return (await self._session.execute(query)).scalar_one()

    async def revoke(
        self, account_id: UUID, *, key_id: UUID | None = None, now: datetime
    ) -> list[UUID]:
        """Revoke a token of an account, or all; return which of them counted until now."""
        which = [] if key_id is None else [PersonalKey.id == key_id]
        return await self._revoke(account_id, *which, now=now)

    async def revoke_with(
        self, account_id: UUID, scopes: Sequence[str], *, now: datetime
    ) -> list[UUID]:
        """Revoke the tokens of an account that have one of these scopes; return which."""
        having = PersonalKey.scopes.overlap(scopes)
        return await self._revoke(account_id, having, now=now)

    async def rename_owner(self, account_id: UUID, username: str) -> None:
        """Let auth's own processes know of the new username of an account."""
        await rename_owner(self._session, account_id, username, EMPTY)

    async def note_uses(self, uses: Mapping[UUID, datetime], *, now: datetime) -> None:
        """Write when tokens were used, unless a later use is known."""
        rows = _USES.data(list(uses.items()))
        last = func.greatest(PersonalKey.last_used_at, func.least(rows.c.used_at, now))
        await self._session.execute(
            update(PersonalKey)
            .where(PersonalKey.id == rows.c.key_id)
            .values(last_used_at=last)
            .execution_options(synchronize_session=False)
        )

    async def forget(self, *, ended_before: datetime) -> None:
        """Delete the tokens that have expired or were revoked before then."""
        await self._session.execute(
            delete(PersonalKey).where(
                or_(PersonalKey.expires_at < ended_before, PersonalKey.revoked_at < ended_before)
            )
        )

    async def _revoke(
        self, account_id: UUID, *which: ColumnElement[bool], now: datetime
    ) -> list[UUID]:
        revoked = (
            update(PersonalKey)
            .where(PersonalKey.account_id == account_id, _counts(now), *which)
            .values(revoked_at=now)
            .returning(PersonalKey.id)
        )
        key_ids = list((await self._session.execute(revoked)).scalars())
        if key_ids:
            await revoke_keys(self._session, key_ids, revoked_at=now, place=EMPTY)
        return key_ids


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A token as its owner sees it."""

    id: UUID
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A token as everybody is told of it, with the account that it is of."""

    id: UUID
    token_hash: bytes
    scopes: list[str]
    expires_at: datetime
    created_at: datetime
    name: str
    account_id: UUID
    email: str
    username: str


_OWN: Final = (
    PersonalKey.id,
    PersonalKey.name,
    PersonalKey.scopes,
    PersonalKey.created_at,
    PersonalKey.expires_at,
    PersonalKey.last_used_at,
)
_ISSUED: Final = (
    PersonalKey.id,
    PersonalKey.token_hash,
    PersonalKey.scopes,
    PersonalKey.expires_at,
    PersonalKey.created_at,
    PersonalKey.name,
    Account.id,
    Account.email,
    Account.username,
)


class PersonalKeyReads:
    """Personal access tokens outside of a transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def list_own(
        self, account_id: UUID, *, after: UUID | None, limit: int, now: datetime
    ) -> list[OwnKey]:
        """Return the tokens of an account that count, newest first."""
        query = select(*_OWN).where(PersonalKey.account_id == account_id, _counts(now))
        if after is not None:
            query = query.where(PersonalKey.id < after)
        rows = await self._connection.execute(query.order_by(PersonalKey.id.desc()).limit(limit))
        return [OwnKey(*row) for row in rows]

    async def find_by_hash(self, token_hash: bytes, *, now: datetime) -> IssuedKey | None:
        """Return the token of a hash, if it counts."""
        found = await self._list_issued(PersonalKey.token_hash == token_hash, limit=1, now=now)
        return found[0] if found else None

    async def list_issued(
        self, *, after: UUID | None, limit: int, now: datetime
    ) -> list[IssuedKey]:
        """Return all tokens that count by their id, from the one that follows `after`."""
        which = [] if after is None else [PersonalKey.id > after]
        return await self._list_issued(*which, limit=limit, now=now)

    async def _list_issued(
        self, *which: ColumnElement[bool], limit: int, now: datetime
    ) -> list[IssuedKey]:
        query = (
            select(*_ISSUED)
            .join(Account, Account.id == PersonalKey.account_id)
            .where(_counts(now), *which)
            .order_by(PersonalKey.id)
            .limit(limit)
        )
        return [IssuedKey(*row) for row in await self._connection.execute(query)]


def _counts(now: datetime) -> ColumnElement[bool]:
    return PersonalKey.revoked_at.is_(None) & (PersonalKey.expires_at > now)
