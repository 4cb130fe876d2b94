"""The public keys of access tokens."""

from typing import Any

from fastapi import APIRouter, Response

from auth_service.api.dependencies import WithResources
from common.http.dependencies import CurrentCaller

router = APIRouter(tags=["keys"])


@router.get("/.well-known/jwks.json")
async def read_jwks(resources: WithResources, response: Response) -> dict[str, Any]:
    """Return the JWK set that verifies access tokens (RFC 7517)."""
    seconds = resources.signing_keys.cache_seconds
    response.headers["Cache-Control"] = f"public, max-age={seconds}"
    return resources.ring.public_keys()


@router.get("/internal/jwks")
async def read_jwks_for_services(resources: WithResources, caller: CurrentCaller) -> dict[str, Any]:
    """Return the same set to services, which read it every few seconds, in a storm too."""
    del caller  # Any service may ask; who it is has been verified.
    return resources.ring.public_keys()
