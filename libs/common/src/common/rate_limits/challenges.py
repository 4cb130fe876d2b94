"""What a client may solve instead of waiting: a proof of work, or whatever a setting names.

Beyond the short periods of a limit, never beyond its longest one.
"""

import hashlib
import hmac
import pkgutil
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from common.rate_limits.limiter import Claim, Limiter, Taken
from common.rate_limits.rates import Limit
from common.settings import ServiceSettings

HASHCASH: Final = "hashcash"
LIFE_SECONDS: Final = 120


class Challenger(Protocol):
    """Makes challenges and checks answers; `subject` is the client, to which both belong."""

    async def make(self, subject: str) -> Mapping[str, Any]:
        """Return what the answer tells of a new challenge, as JSON."""
        ...

    async def check(self, answer: str, subject: str) -> bool:
        """Tell whether a client has solved a challenge of its own, which counts once."""
        ...


type Opener = Callable[[ServiceSettings, Limiter], Challenger]


class Hashcash:
    """A proof of work: some text that makes a hash with the token begin with enough zero bits.

    The token is signed, so that nothing is kept but which tokens were used.

    Args:
        secret: What tokens are signed with, by all replicas.
        bits: How many zero bits; one more is twice the work.
        limiter: Where is counted which tokens were used.
    """

    def __init__(self, secret: bytes, bits: int, limiter: Limiter) -> None:
        self._secret = secret
        self._bits = bits
        self._limiter = limiter
        # One minute longer than a token lives.
        self._once = Limit.of("challenges", [f"1 per {LIFE_SECONDS + 60} seconds"])

    @classmethod
    def of(cls, settings: ServiceSettings, limiter: Limiter) -> "Hashcash":
        """Return the one of a service, whose replicas share their private key."""
        key = settings.internal_private_key.get_secret_value()
        secret = hashlib.sha256(f"hashcash:{key}".encode()).digest()
        return cls(secret, settings.challenge_bits, limiter)

    async def make(self, subject: str) -> Mapping[str, Any]:
        """Return a token and how many zero bits `SHA-256(token.solution)` is to begin with."""
        body = f"{int(time.time()) + LIFE_SECONDS}.{secrets.token_urlsafe(12)}"
        token = f"{body}.{self._sign(body, subject)}"
        return {
            "kind": HASHCASH,
            "token": token,
            "bits": self._bits,
            "expires_in": LIFE_SECONDS,
        }

    async def check(self, answer: str, subject: str) -> bool:
        """Tell whether `token.solution` solves a token of this client, which counts once."""
        parts = answer.split(".")
        if len(parts) != 4 or not _is_ascii_number(parts[0]):  # noqa: PLR2004 — as made above.
            return False
        body, signature = f"{parts[0]}.{parts[1]}", self._sign(f"{parts[0]}.{parts[1]}", subject)
        is_ours = hmac.compare_digest(signature.encode(), parts[2].encode())
        if not is_ours or int(parts[0]) < time.time() or _zero_bits(answer) < self._bits:
            return False
        return isinstance(await self._limiter.take(Claim(self._once, body)), Taken)

    def _sign(self, body: str, subject: str) -> str:
        text = f"{self._bits}:{body}:{subject}"
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()


def open_challenger(settings: ServiceSettings, limiter: Limiter) -> Challenger | None:
    """Return what the setting names, if anything.

    Raises:
        ImportError, AttributeError, ValueError: There is no such thing.
    """
    if settings.challenge is None:
        return None
    opener: Opener = Hashcash.of
    if settings.challenge != HASHCASH:
        opener = pkgutil.resolve_name(settings.challenge)
    return opener(settings, limiter)


def _zero_bits(text: str) -> int:
    digest = int.from_bytes(hashlib.sha256(text.encode()).digest())
    return 256 - digest.bit_length()


def _is_ascii_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 20  # noqa: PLR2004 — any time.
