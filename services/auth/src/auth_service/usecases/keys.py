"""Access tokens (RFC 9068), signed with the key whose time it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from joserfc import jwt
from joserfc.jwk import Key

from auth_service.models import Account
from auth_service.repositories.logins import Holder
from auth_service.usecases.roles import scopes_of
from common.ids import new_id


@dataclass(frozen=True, slots=True)
class AccessTokenSigner:
    """Signs access tokens; `key_at` tells with which key at a time."""

    key_at: Callable[[datetime], Key]
    issuer: str
    audience: str
    life_seconds: int

    def sign(
        self,
        account: Account | Holder,
        *,
        session_id: UUID,
        auth_time: datetime,
        amr: Sequence[str],
        now: datetime,
        impersonator_id: UUID | None = None,
        life_seconds: int | None = None,
    ) -> str:
        """Return an access token for an account's session.

        Args:
            account: Whom it speaks for.
            session_id: The session.
            auth_time: When its opener proved who they are.
            amr: How they did (RFC 8176).
            now: The time.
            impersonator_id: Who really acts, if another (RFC 8693, 4.1); such a token has no role.
            life_seconds: Its life, if not that of all.

        Raises:
            SigningKeysUnknown: This process does not know the key that signs now.
        """
        issued_at = int(now.timestamp())
        roles = [] if impersonator_id else sorted(account.roles)
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": str(account.id),
            "sid": str(session_id),
            "jti": str(new_id()),
            "username": account.username,
            "scope": " ".join(scopes_of(roles)),
            "roles": roles,
            # One factor, whichever it was (NIST SP 800-63B-4, 2.1).
            "acr": "1",
            "amr": list(amr),
            "auth_time": int(auth_time.timestamp()),
            "iat": issued_at,
            "exp": issued_at + (life_seconds or self.life_seconds),
        }
        if impersonator_id:
            claims["act"] = {"sub": str(impersonator_id)}
        key = self.key_at(now)
        algorithm = str(key.alg)
        header = {"alg": algorithm, "typ": "at+jwt", "kid": key.kid}
        return jwt.encode(header, claims, key, algorithms=[algorithm])
