"""Personal access tokens: issued by who has logged in, for programs that cannot.

A token may do no more than its owner when it was issued, and nothing that is about how one logs in.
A new password by mail, a disabled account and a role that is withdrawn end what they make doubtful.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from auth_service.errors import (
    KeyExpiryTooFar,
    KeyNotFound,
    KeyScopeRefused,
    TooManyKeys,
)
from auth_service.models import Account, Action, PersonalKey, Role
from auth_service.repositories.audit import Actor
from auth_service.repositories.personal_keys import IssuedKey, OwnKey
from auth_service.unit_of_work import Reads, Tx
from auth_service.usecases.roles import scopes_of
from common.contracts import KeyIssued, KeyRevoked
from common.ids import new_id
from common.personal_keys.card import KeyCard
from common.personal_keys.format import digest_of, new_key
from common.personal_keys.scopes import ACCESSES
from common.tokens import InvalidToken, User

FORGETTING_SECONDS: Final = 3600.0

_DAY: Final = timedelta(days=1)
# What has ended is of use to nobody; for a while its owner may ask what it was.
_KEPT: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class PersonalKeyPolicy:
    """How many tokens an account may have, for how long, and for which services."""

    most: int
    longest: timedelta
    services: Sequence[str]

    def scopes(self, account: Account) -> set[str]:
        """Return what the owner of an account may give to a token."""
        everybody = {f"{service}:{access}" for service in self.services for access in ACCESSES}
        return everybody | set(scopes_of(account.roles))


@dataclass(frozen=True, slots=True)
class NewKey:
    """A token that was just issued, and the only time that it is told."""

    key: OwnKey
    token: str


async def issue_key(
    tx: Tx,
    *,
    policy: PersonalKeyPolicy,
    user: User,
    name: str,
    scopes: Sequence[str],
    expires_in_days: int,
    now: datetime,
) -> NewKey:
    """Issue a token to the caller.

    Raises:
        InvalidToken: The caller's session has ended.
        KeyExpiryTooFar: It would live longer than tokens may.
        KeyScopeRefused: The caller may not do what the token should.
        TooManyKeys: The caller has enough of them, or made too many within a day.
    """
    if expires_in_days > policy.longest.days:
        raise KeyExpiryTooFar(most=policy.longest.days, field="expires_in_days")
    # Locked, so that whoever ends all tokens of the account ends this one too, or prevents it.
    account = await tx.accounts.lock(user.id)
    if not await tx.sessions.is_open(user.id, user.sid):
        raise InvalidToken
    if not policy.scopes(account).issuperset(scopes):
        raise KeyScopeRefused(field="scopes")
    if await tx.personal_keys.count(user.id, issued_since=now - _DAY, now=now) >= policy.most:
        raise TooManyKeys(most=policy.most)
    token = new_key()
    key = PersonalKey(
        id=new_id(),
        account_id=account.id,
        token_hash=digest_of(token),
        name=name,
        scopes=sorted(set(scopes)),
        created_at=now,
        expires_at=now + timedelta(days=expires_in_days),
    )
    await tx.personal_keys.add(key, username=account.username)
    details = {
        "key_id": str(key.id),
        "scopes": key.scopes,
        "expires_at": key.expires_at.isoformat(),
    }
    named = {"name": name}
    tx.audit.add(Action.KEY_ISSUED, account_id=account.id, by=user, details=details, personal=named)
    await tx.outbox.add(_issued(_with_account(key, account)), key=account.id)
    own = OwnKey(key.id, key.name, key.scopes, key.created_at, key.expires_at, None)
    return NewKey(own, token)


async def list_keys(
    reads: Reads, *, account_id: UUID, after: UUID | None, limit: int, now: datetime
) -> list[OwnKey]:
    """List the tokens of an account that count, newest first, after `after`."""
    return await reads.personal_keys.list_own(account_id, after=after, limit=limit, now=now)


async def revoke_keys(
    tx: Tx, *, actor: Actor, account_id: UUID, key_id: UUID | None = None, now: datetime
) -> int:
    """Revoke a token of an account, or all of them; return how many counted until now.

    Raises:
        KeyNotFound: That token is another's, counts no longer, or never was.
    """
    revoked = await tx.personal_keys.revoke(account_id, key_id=key_id, now=now)
    if key_id is not None and not revoked:
        raise KeyNotFound
    await _tell_revoked(tx, actor, account_id, revoked, now=now)
    return len(revoked)


async def revoke_excessive_keys(tx: Tx, *, actor: Actor, account: Account, now: datetime) -> None:
    """Revoke the tokens of an account that may do what its owner's roles no longer allow."""
    lost = set(scopes_of(Role)) - set(scopes_of(account.roles))
    revoked = await tx.personal_keys.revoke_with(account.id, sorted(lost), now=now)
    await _tell_revoked(tx, actor, account.id, revoked, now=now)


async def introspect_key(reads: Reads, *, token_hash: bytes, now: datetime) -> KeyCard:
    """Return what a token may do, for a service that has not heard of it yet.

    Raises:
        KeyNotFound: No token that counts has this hash.
    """
    found = await reads.personal_keys.find_by_hash(token_hash, now=now)
    if found is None:
        raise KeyNotFound
    return KeyCard(
        key_id=found.id,
        account_id=found.account_id,
        username=found.username,
        scopes=found.scopes,
        expires_at=found.expires_at,
    )


async def note_uses(tx: Tx, *, uses: Mapping[UUID, datetime], now: datetime) -> None:
    """Note when tokens were last used."""
    if uses:
        await tx.personal_keys.note_uses(uses, now=now)


async def list_issued(
    reads: Reads, *, after: UUID | None, limit: int, now: datetime
) -> list[KeyIssued]:
    """List all tokens that count, as the event tells them."""
    found = await reads.personal_keys.list_issued(after=after, limit=limit, now=now)
    return [_issued(each) for each in found]


async def forget_keys(tx: Tx, *, now: datetime) -> None:
    """Delete the tokens that ended more than 30 days ago."""
    await tx.personal_keys.forget(ended_before=now - _KEPT)


async def _tell_revoked(
    tx: Tx, actor: Actor, account_id: UUID, key_ids: Sequence[UUID], *, now: datetime
) -> None:
    if key_ids:
        details = {"key_ids": [str(each) for each in key_ids]}
        tx.audit.add(Action.KEY_REVOKED, account_id=account_id, by=actor, details=details)
    for key_id in key_ids:
        event = KeyRevoked(account_id=account_id, key_id=key_id, revoked_at=now)
        await tx.outbox.add(event, key=account_id)


def _with_account(key: PersonalKey, account: Account) -> IssuedKey:
    return IssuedKey(
        id=key.id,
        token_hash=key.token_hash,
        scopes=key.scopes,
        expires_at=key.expires_at,
        created_at=key.created_at,
        name=key.name,
        account_id=account.id,
        email=account.email,
        username=account.username,
    )


def _issued(key: IssuedKey) -> KeyIssued:
    return KeyIssued(
        account_id=key.account_id,
        key_id=key.id,
        token_hash=key.token_hash.hex(),
        scopes=key.scopes,
        expires_at=key.expires_at,
        issued_at=key.created_at,
        name=key.name,
        email=key.email,
        username=key.username,
    )
