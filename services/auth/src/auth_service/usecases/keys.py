"""The keys that access tokens are signed with, and the tokens themselves (RFC 9068)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from joserfc import jwt
from joserfc.jwk import ECKey

from auth_service.models import Account
from auth_service.settings import Settings
from auth_service.usecases.roles import scopes_of
from common.ids import new_id

ALGORITHM: Final = "ES256"


@dataclass(frozen=True, slots=True)
class AccessTokenSigner:
    """Signs access tokens; `public_keys` is what everyone else verifies them with."""

    key: ECKey
    issuer: str
    audience: str
    life_seconds: int

    @classmethod
    def of(cls, settings: Settings) -> "AccessTokenSigner":
        """Make a signer of the configured key, identified by its thumbprint (RFC 7638)."""
        pem = settings.signing_key.get_secret_value()
        bare = ECKey.import_key(pem)
        key = ECKey.import_key(pem, {"kid": bare.thumbprint(), "use": "sig", "alg": ALGORITHM})
        return cls(
            key, settings.token_issuer, settings.token_audience, settings.access_token_seconds
        )

    def sign(
        self, account: Account, *, session_id: UUID, auth_time: datetime, now: datetime
    ) -> str:
        """Return an access token for an account's session."""
        issued_at = int(now.timestamp())
        claims = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": str(account.id),
            "sid": str(session_id),
            "jti": str(new_id()),
            "username": account.username,
            "scope": " ".join(scopes_of(account.roles)),
            "roles": sorted(account.roles),
            "acr": "1",
            "auth_time": int(auth_time.timestamp()),
            "iat": issued_at,
            "exp": issued_at + self.life_seconds,
        }
        header = {"alg": ALGORITHM, "typ": "at+jwt", "kid": self.key.kid}
        return jwt.encode(header, claims, self.key, algorithms=[ALGORITHM])

    def public_keys(self) -> dict[str, Any]:
        """Return the JWK set (RFC 7517) without any private part."""
        return {"keys": [self.key.as_dict(private=False)]}
