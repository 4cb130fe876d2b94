"""The life of signing keys: published, then signing, then only published, then gone.

A key is published long before it signs, so that every verifier knows it by then, and until the
last token that it signed has expired. All of that follows from times in rows: no process acts at
the moment of a change, and one that acts twice or dies on the way does no harm.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final

from joserfc.jwk import ECKey, Key, OKPKey

from auth_service.errors import SigningKeyNotFound
from auth_service.models import Action, SigningKey
from auth_service.repositories.audit import Operator
from auth_service.repositories.signing_keys import StoredKey
from auth_service.settings import Settings, SigningAlgorithm
from auth_service.unit_of_work import Reads, Tx
from auth_service.usecases.key_ring import STALE_SECONDS, active_of, open_key, seal_key
from auth_service.usecases.sealing import Sealer, SealUnbroken
from common.ids import new_id
from common.tokens import LEEWAY_SECONDS

# A process may sign with the former key until it has read of the new one; then there are the
# clocks of whoever signs and whoever verifies.
_MARGIN: Final = timedelta(seconds=STALE_SECONDS + 2 * LEEWAY_SECONDS)
_LONGEST_CACHE_SECONDS: Final = 60
# Who lets keys change when nobody says so.
_SCHEDULE: Final = Operator("schedule", "", "auth")


class KeyState(StrEnum):
    NEXT = "next"
    ACTIVE = "active"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class KeyPolicy:
    """What keys are made like, when they change, and how long their tokens live."""

    sealer: Sealer
    algorithm: SigningAlgorithm
    period: timedelta
    publish_ahead: timedelta
    token_life: timedelta
    imported: ECKey | None

    @classmethod
    def of(cls, settings: Settings) -> "KeyPolicy":
        """Make the policy of the settings."""
        secrets = [each.get_secret_value() for each in settings.encryption_keys]
        return cls(
            sealer=Sealer(secrets, "signing keys"),
            algorithm=settings.signing_algorithm,
            period=timedelta(seconds=settings.signing_key_seconds),
            publish_ahead=timedelta(seconds=settings.signing_key_publish_seconds),
            token_life=timedelta(seconds=settings.access_token_seconds),
            imported=_imported(settings),
        )

    @property
    def cache_seconds(self) -> int:
        """How long the key set may be cached: shorter than a key is published before it signs."""
        return min(_LONGEST_CACHE_SECONDS, int(self.publish_ahead.total_seconds()) // 2)


@dataclass(slots=True)
class Changes:
    """The ids of keys that were made, and of those that were removed."""

    made: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """A key without any part of it, for who looks after them."""

    key: StoredKey
    state: KeyState


async def keep_keys(tx: Tx, *, policy: KeyPolicy, now: datetime) -> Changes:
    """Make the first key and the next one where they are missing, remove what has done its work.

    That another key signs now is told by the audit; the first ones replace none.
    """
    keys = await tx.signing_keys.lock_all()
    former = len(keys)
    changes = await _complete(tx, policy, keys, now)
    if former and changes.made:
        _tell_rotated(tx, _SCHEDULE, active_of(keys, now))
    return changes


async def rotate_keys(tx: Tx, *, policy: KeyPolicy, actor: Operator, now: datetime) -> SigningKey:
    """Let the next key sign as soon as everybody knows it; return it.

    One that was made for another algorithm than the settings' is replaced.
    """
    keys = await tx.signing_keys.lock_all()
    await _complete(tx, policy, keys, now)
    following = keys[-1]
    if following.algorithm != policy.algorithm:
        await _remove(tx, keys, following)
        following = _add(
            tx, policy, keys, _generated(policy), now=now, signs_from=now + policy.publish_ahead
        )
    ready = max(now, following.published_at + policy.publish_ahead)
    following.signs_from = min(following.signs_from, ready)
    await _complete(tx, policy, keys, now)
    _tell_rotated(tx, actor, following)
    return following


async def revoke_key(
    tx: Tx, *, policy: KeyPolicy, actor: Operator, kid: str, now: datetime
) -> None:
    """Remove a key at once: what it signed counts no longer, and the next one signs if it did.

    Raises:
        SigningKeyNotFound: There is no such key.
    """
    keys = await tx.signing_keys.lock_all()
    revoked = next((key for key in keys if key.kid == kid), None)
    if revoked is None:
        raise SigningKeyNotFound(kid=kid)
    was_active = revoked is active_of(keys, now)
    following = next((key for key in keys if key.signs_from > now and key is not revoked), None)
    await _remove(tx, keys, revoked)
    if was_active and following is not None:
        following.signs_from = now
    elif was_active:
        _add(tx, policy, keys, _generated(policy), now=now, signs_from=now)
    await _complete(tx, policy, keys, now)
    details = {"kid": kid, "signed": was_active}
    tx.audit.add(Action.SIGNING_KEY_REVOKED, account_id=None, by=actor, details=details)


async def list_keys(reads: Reads, *, now: datetime) -> list[KeyFacts]:
    """List the keys that are published, in the order in which they sign."""
    keys = await reads.signing_keys.list_all()
    return [KeyFacts(key, _state(key, keys, now)) for key in keys]


def _tell_rotated(tx: Tx, actor: Operator, key: SigningKey) -> None:
    details = {"kid": key.kid, "signs_from": key.signs_from.isoformat()}
    tx.audit.add(Action.SIGNING_KEYS_ROTATED, account_id=None, by=actor, details=details)


def _state(key: StoredKey, keys: Sequence[StoredKey], now: datetime) -> KeyState:
    if key is active_of(keys, now):
        return KeyState.ACTIVE
    return KeyState.NEXT if key.signs_from > now else KeyState.RETIRED


async def _complete(tx: Tx, policy: KeyPolicy, keys: list[SigningKey], now: datetime) -> Changes:
    """Bring the locked keys to what they should be now; a second time changes nothing."""
    changes = Changes()
    if not keys:
        first = policy.imported or _generated(policy)
        changes.made.append(_add(tx, policy, keys, first, now=now, signs_from=now).kid)
    newest = keys[-1]
    if newest is active_of(keys, now):
        signs_from = max(newest.signs_from + policy.period, now + policy.publish_ahead)
        changes.made.append(
            _add(tx, policy, keys, _generated(policy), now=now, signs_from=signs_from).kid
        )
    for key, successor in list(pairwise(keys)):
        if successor.signs_from + policy.token_life + _MARGIN <= now:
            await _remove(tx, keys, key)
            changes.removed.append(key.kid)
    for key in keys:
        _seal_again(key, policy.sealer)
    return changes


def _add(
    tx: Tx,
    policy: KeyPolicy,
    keys: list[SigningKey],
    key: Key,
    *,
    now: datetime,
    signs_from: datetime,
) -> SigningKey:
    public = key.as_dict(private=False)
    made = SigningKey(
        kid=public["kid"],
        algorithm=public["alg"],
        public=public,
        sealed=seal_key(key, policy.sealer),
        sealed_with=policy.sealer.name,
        published_at=now,
        signs_from=signs_from,
    )
    tx.signing_keys.add(made)
    keys.append(made)
    return made


async def _remove(tx: Tx, keys: list[SigningKey], key: SigningKey) -> None:
    await tx.signing_keys.remove(key)
    keys.remove(key)


def _seal_again(key: SigningKey, sealer: Sealer) -> None:
    """Encrypt with the present encryption key what a former one has encrypted."""
    if key.sealed_with == sealer.name:
        return
    try:
        private = open_key(key.kid, key.sealed, sealer)
    except SealUnbroken:
        # Each app tells about it, by its log and a metric; it stays as it is until it is revoked.
        return
    key.sealed, key.sealed_with = seal_key(private, sealer), sealer.name


def _generated(policy: KeyPolicy) -> Key:
    kid, algorithm = str(new_id()), policy.algorithm
    if algorithm == "Ed25519":
        return OKPKey.generate_key("Ed25519", {"kid": kid, "use": "sig", "alg": algorithm})
    return ECKey.generate_key("P-256", {"kid": kid, "use": "sig", "alg": algorithm})


def _imported(settings: Settings) -> ECKey | None:
    """Return the key that signed before keys were kept, under the id that it had (RFC 7638)."""
    if settings.signing_key is None:
        return None
    pem = settings.signing_key.get_secret_value()
    kid = ECKey.import_key(pem).thumbprint()
    return ECKey.import_key(pem, {"kid": kid, "use": "sig", "alg": "ES256"})
