"""What one process knows of the signing keys: read each second, so that no login asks for them."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

import structlog
from joserfc.errors import JoseError
from joserfc.jwk import Key, import_key
from prometheus_client import Gauge

from auth_service.errors import SigningKeysUnknown
from auth_service.repositories.signing_keys import StoredKey
from auth_service.usecases.sealing import Sealer, SealUnbroken

# Who has not read the keys for so long signs nothing: its key may have been withdrawn meanwhile.
STALE_SECONDS: Final = 60.0

unreadable = Gauge(
    "colonnade_signing_keys_unreadable",
    "Signing keys that no encryption key of the settings opens.",
)

log = structlog.get_logger()


class Timed(Protocol):
    @property
    def signs_from(self) -> datetime: ...


def active_of[K: Timed](keys: Sequence[K], now: datetime) -> K:
    """Return the key that signs, of keys in their order: the last one whose time has come.

    Before the time of any, as it is for who has the slower clock, it is the first.
    """
    return next((key for key in reversed(keys) if key.signs_from <= now), keys[0])


@dataclass(frozen=True, slots=True)
class _Known:
    """`private` is missing when it cannot be opened: what it signed before is still verified."""

    signs_from: datetime
    private: Key | None


class KeyRing:
    """The keys as they were last read.

    Args:
        sealer: Opens their private parts.
        clock: Monotonic seconds.
    """

    def __init__(self, sealer: Sealer, clock: Callable[[], float] = time.monotonic) -> None:
        self._sealer = sealer
        self._clock = clock
        self._stored: Sequence[StoredKey] = ()
        self._known: Sequence[_Known] = ()
        self._read_at = 0.0

    def use(self, stored: Sequence[StoredKey]) -> bool:
        """Know these keys from now on, in the order in which they sign; tell if that is new."""
        self._read_at = self._clock()
        if stored == self._stored:
            return False
        self._known = [_Known(key.signs_from, self._open(key)) for key in stored]
        self._stored = stored
        unreadable.set(sum(known.private is None for known in self._known))
        return True

    def signing_key(self, now: datetime) -> Key:
        """Return the private key that signs now.

        Raises:
            SigningKeysUnknown: The keys were not read lately, or its private part is unreadable.
        """
        if not self._known or self._clock() - self._read_at > STALE_SECONDS:
            raise SigningKeysUnknown
        key = active_of(self._known, now).private
        if key is None:
            raise SigningKeysUnknown
        return key

    def active_since(self, now: datetime) -> datetime:
        """Return since when the key signs that does now.

        Raises:
            SigningKeysUnknown: No key was ever read.
        """
        if not self._known:
            raise SigningKeysUnknown
        return active_of(self._known, now).signs_from

    def public_keys(self) -> dict[str, Any]:
        """Return the JWK set (RFC 7517), which holds no private part.

        Raises:
            SigningKeysUnknown: No key was ever read: an empty set would say that there is none.
        """
        if not self._stored:
            raise SigningKeysUnknown
        return {"keys": [key.public for key in self._stored]}

    def _open(self, stored: StoredKey) -> Key | None:
        try:
            key = open_key(stored.kid, stored.sealed, self._sealer)
        except SealUnbroken:
            log.exception("signing_key_unreadable", kid=stored.kid, sealed_with=stored.sealed_with)
            return None
        return key


def seal_key(key: Key, sealer: Sealer) -> str:
    """Return the private key so that `open_key` reads it."""
    return sealer.seal(json.dumps(key.as_dict(private=True)))


def open_key(kid: str, sealed: str, sealer: Sealer) -> Key:
    """Return the private key that was sealed as this one.

    Raises:
        SealUnbroken: It cannot be opened, or it is another row's.
    """
    try:
        key = import_key(json.loads(sealer.unseal(sealed)))
    except (JoseError, ValueError) as error:
        raise SealUnbroken from error
    if key.kid != kid:
        raise SealUnbroken
    return key
