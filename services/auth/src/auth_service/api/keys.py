"""The public keys of access tokens."""

from typing import Any

from fastapi import APIRouter, Response

from auth_service.api.dependencies import WithResources

router = APIRouter(tags=["keys"])


@router.get("/.well-known/jwks.json")
async def read_jwks(resources: WithResources, response: Response) -> dict[str, Any]:
    """Return the JWK set that verifies access tokens (RFC 7517)."""
    response.headers["Cache-Control"] = "public, max-age=60"
    return resources.sessions.signer.public_keys()
