"""Who calls: access tokens of users and short tokens between services (RFC 7519, RFC 9068).

The two kinds differ in type, keys and audience, and neither is ever accepted as the other.
"""

import asyncio
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, KeySet
from joserfc.util import urlsafe_b64decode

from common.errors import Unauthenticated, Unavailable
from common.memory import Memory

USER_TOKEN_TYPE = "at+jwt"  # noqa: S105 — a media type (RFC 9068), not a secret.
INTERNAL_TOKEN_TYPE = "internal+jwt"  # noqa: S105 — as above.
USER_ALGORITHMS = ("ES256", "Ed25519")
INTERNAL_LIFE_SECONDS = 60
LEEWAY_SECONDS = 30

# Headers such as jku, x5u, jwk or crit would let a token choose its own key or rules.
_HEADERS = {"alg", "kid", "typ"}
_MAX_TOKEN_LENGTH = 8192
_REMEMBERED_TOKENS = 10_000
_REISSUE_AFTER_SECONDS = 30


class InvalidToken(Unauthenticated):
    code = "common.invalid_token"
    message = "The access token is not valid."


class RevocationsUnknown(Unavailable):
    code = "common.revocations_unknown"
    message = "Which sessions have ended is not known yet."


class KeysUnknown(Unavailable):
    code = "common.keys_unknown"
    message = "The keys that verify access tokens are not known yet."


@dataclass(frozen=True, slots=True)
class User:
    """Who an access token speaks for, as its issuer knew them when it was signed.

    `by_key`: it is a personal access token, whose id is `sid`; no session is behind it.
    `impersonator` is who really acts, of the platform's people (`act`, RFC 8693, 4.1).
    """

    id: UUID
    username: str
    sid: UUID
    roles: frozenset[str]
    scope: frozenset[str]
    expires_at: datetime
    by_key: bool = False
    impersonator: UUID | None = None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


class UserTokens:
    """Verifies access tokens against the issuer's public keys, which are handed in.

    Args:
        issuer: The `iss` that is accepted.
        audience: The `aud` that is accepted.
        revocations_known: Whether tokens are verified before `revoke` was called once.

    Attributes:
        unknown_key_seen: Set when a token names a key that was not handed in.
    """

    def __init__(self, issuer: str, audience: str, *, revocations_known: bool = True) -> None:
        self._claims = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            sid={"essential": True},
            username={"essential": True},
        )
        self._keys: Mapping[str, Key] = {}
        self.unknown_key_seen = asyncio.Event()
        self._memory: Memory[User] = Memory(_REMEMBERED_TOKENS)
        self._revoked: Mapping[UUID, float] | None = {} if revocations_known else None

    def require_revocations(self) -> None:
        """Make sure that sessions which have ended are told from others.

        Raises:
            RevocationsUnknown: Nobody said so far which have.
        """
        if self._revoked is None:
            raise RevocationsUnknown

    def revoke(self, sessions: Mapping[UUID, float]) -> None:
        """Accept no token of these sessions, nor of those that were named before.

        Args:
            sessions: Their `sid`, and until when that has to be remembered (Unix time).
        """
        now = time.time()
        known = {**(self._revoked or {}), **sessions}
        self._revoked = {sid: until for sid, until in known.items() if until > now}

    def use_keys(self, jwks: Mapping[str, Any]) -> None:
        """Replace the key set at once; what the former keys verified is forgotten.

        Args:
            jwks: A JWK set (RFC 7517). Keys of unknown types are ignored.

        Raises:
            ValueError: The set is malformed or holds no usable key; the former keys stay.
        """
        try:
            keys = KeySet.import_key_set({"keys": list(jwks["keys"])})
        except (JoseError, KeyError, TypeError) as error:
            raise ValueError("The key set is malformed.") from error
        self._keys = {str(key.kid): key for key in keys}
        self._memory = Memory(_REMEMBERED_TOKENS)

    def verify(self, token: str) -> User:
        """Return whom the token speaks for.

        Raises:
            InvalidToken: It is forged, expired, malformed or meant for somebody else, or its
                session is revoked.
            KeysUnknown: No key was ever learned, so that nothing can be said about it.
            RevocationsUnknown: Nobody said so far which sessions have ended.
        """
        user = self._memory.get(_digest(token)) or self._verify(token)
        if self.is_revoked(user.sid):
            raise InvalidToken
        return user

    def is_revoked(self, sid: UUID) -> bool:
        """Tell whether a session, or a personal access token, counts no longer.

        Raises:
            RevocationsUnknown: Nobody said so far which do not.
        """
        if self._revoked is None:
            raise RevocationsUnknown
        return sid in self._revoked

    def _verify(self, token: str) -> User:
        header = _header(token, USER_TOKEN_TYPE)
        if not self._keys:
            raise KeysUnknown
        key = self._keys.get(header["kid"])
        if key is None:
            self.unknown_key_seen.set()
        claims = _verified_claims(token, key, USER_ALGORITHMS)
        user = _user(_checked(claims, self._claims))
        self._memory.put(_digest(token), user.expires_at.timestamp() + LEEWAY_SECONDS, user)
        return user


class InternalTokens:
    """Issues and verifies the tokens of calls between services.

    Args:
        service: The name of this service: `iss` of what it issues, `aud` of what it accepts.
        private_key: PEM of the EC P-256 key that signs.
        peers: Public keys (PEM) of the services that may call, by name.
    """

    def __init__(self, service: str, private_key: str, peers: Mapping[str, str]) -> None:
        self._service = service
        self._private_key = ECKey.import_key(private_key)
        self._peers = {name: ECKey.import_key(pem) for name, pem in peers.items()}
        self._issued: dict[str, tuple[float, str]] = {}
        self._memory: Memory[str] = Memory(_REMEMBERED_TOKENS)
        self._claims = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True},
            aud={"essential": True, "value": service},
            exp={"essential": True},
            iat={"essential": True},
        )

    def issue(self, audience: str) -> str:
        """Return a token for a call to `audience`: valid at least 30 s, at most 60 s."""
        now = int(time.time())
        fresh_until, token = self._issued.get(audience, (0.0, ""))
        if now < fresh_until:
            return token
        header = {"alg": "ES256", "typ": INTERNAL_TOKEN_TYPE, "kid": self._service}
        claims = {"iss": self._service, "aud": audience, "iat": now}
        claims["exp"] = now + INTERNAL_LIFE_SECONDS
        token = jwt.encode(header, claims, self._private_key, ["ES256"])
        self._issued[audience] = (now + _REISSUE_AFTER_SECONDS, token)
        return token

    def verify(self, token: str) -> str:
        """Return the name of the service that calls.

        Raises:
            InvalidToken: As for users; also when it lives longer than internal tokens may.
        """
        remembered = self._memory.get(_digest(token))
        if remembered is not None:
            return remembered
        caller: str = _header(token, INTERNAL_TOKEN_TYPE)["kid"]
        claims = _checked(_verified_claims(token, self._peers.get(caller), ["ES256"]), self._claims)
        longest = time.time() + INTERNAL_LIFE_SECONDS + LEEWAY_SECONDS
        if claims["iss"] != caller or claims["exp"] > longest:
            raise InvalidToken
        self._memory.put(_digest(token), claims["exp"] + LEEWAY_SECONDS, caller)
        return caller


def _header(token: str, expected_type: str) -> dict[str, str]:
    """Return the header of a token that looks right; nothing in it is verified yet."""
    try:
        if len(token) > _MAX_TOKEN_LENGTH:
            raise InvalidToken
        header = orjson.loads(urlsafe_b64decode(token.split(".", 1)[0].encode("ascii")))
    except ValueError as error:
        raise InvalidToken from error
    if (
        not isinstance(header, dict)
        or header.keys() != _HEADERS
        or header["typ"] != expected_type
        or not isinstance(header["kid"], str)
    ):
        raise InvalidToken
    return header


def _verified_claims(
    token: str, key: Key | None, algorithms: tuple[str, ...] | list[str]
) -> dict[str, Any]:
    if key is None:
        raise InvalidToken
    try:
        return jwt.decode(token, key, list(algorithms)).claims
    # RecursionError: the payload of a token is JSON like any other, and may be nested.
    except (JoseError, ValueError, RecursionError) as error:
        raise InvalidToken from error


def _checked(claims: dict[str, Any], registry: jwt.JWTClaimsRegistry) -> dict[str, Any]:
    try:
        registry.validate(claims)
    except (JoseError, TypeError) as error:
        raise InvalidToken from error
    return claims


def _user(claims: Mapping[str, Any]) -> User:
    try:
        return User(
            id=UUID(claims["sub"]),
            username=str(claims["username"]),
            sid=UUID(claims["sid"]),
            roles=frozenset(claims.get("roles", ())),
            scope=frozenset(str(claims.get("scope", "")).split()),
            expires_at=datetime.fromtimestamp(claims["exp"], UTC),
            # A claim that is not understood must not pass for an absent one.
            impersonator=UUID(claims["act"]["sub"]) if "act" in claims else None,
        )
    except (ValueError, TypeError, AttributeError, OverflowError, KeyError) as error:
        raise InvalidToken from error
