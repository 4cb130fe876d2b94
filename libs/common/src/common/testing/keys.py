"""Keys of one test run and the tokens they sign. Nothing here is a secret."""

import time
from collections import defaultdict
from typing import Any
from uuid import UUID

from joserfc import jwt
from joserfc.jwk import ECKey

from common.ids import new_id
from common.tokens import INTERNAL_TOKEN_TYPE, USER_TOKEN_TYPE

ISSUER = "http://localhost:8080"
AUDIENCE = "colonnade"
SIGNING = "access tokens"


def _new_key() -> ECKey:
    key = ECKey.generate_key("P-256")
    key.ensure_kid()
    return key


_keys: defaultdict[str, ECKey] = defaultdict(_new_key)


def key_of(owner: str) -> ECKey:
    """Return the key pair of a service, or of `SIGNING`; the same for the whole process."""
    return _keys[owner]


def private_pem(owner: str) -> str:
    """Return the private key of an owner as settings want it."""
    return key_of(owner).as_pem(private=True).decode()


def public_pem(owner: str) -> str:
    """Return the public key of an owner as settings want it."""
    return key_of(owner).as_pem(private=False).decode()


def jwks() -> dict[str, Any]:
    """Return the key set that verifies what `mint_user_token` signs."""
    return {"keys": [key_of(SIGNING).as_dict(private=False, use="sig", alg="ES256")]}


def mint_user_token(
    user_id: UUID | None = None,
    *,
    username: str = "ada",
    expires_in: int = 600,
    signer: str = SIGNING,
    header: dict[str, Any] | None = None,
    **claims: Any,
) -> str:
    """Return an access token; `header` and `claims` replace or add members."""
    now = int(time.time())
    key = key_of(signer)
    payload = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(user_id or new_id()),
        "sid": str(new_id()),
        "username": username,
        "iat": now,
        "exp": now + expires_in,
        "scope": "",
        "roles": [],
        **claims,
    }
    full_header = {"alg": "ES256", "typ": USER_TOKEN_TYPE, "kid": key.kid, **(header or {})}
    return jwt.encode(full_header, payload, key, ["ES256"])


def mint_internal_token(caller: str, audience: str, *, expires_in: int = 60, **claims: Any) -> str:
    """Return the token of a call from one service to another; `claims` replace or add members."""
    now = int(time.time())
    payload = {"iss": caller, "aud": audience, "iat": now, "exp": now + expires_in, **claims}
    header = {"alg": "ES256", "typ": INTERNAL_TOKEN_TYPE, "kid": caller}
    return jwt.encode(header, payload, key_of(caller), ["ES256"])


def bearer(token: str) -> dict[str, str]:
    """Return the header that carries a token."""
    return {"Authorization": f"Bearer {token}"}
