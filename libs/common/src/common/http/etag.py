"""Entity tags and preconditions (RFC 9110, 8.8.3 and 13): 304 for readers, 412 for writers."""

import base64
import hashlib
from dataclasses import dataclass
from typing import Annotated

import orjson
from fastapi import Depends, HTTPException, Request, Response

from common.errors import PreconditionFailed

IF_NONE_MATCH = "If-None-Match"
IF_MATCH = "If-Match"

# An answer with a tag may be kept by the client, which asks whether it still holds.
REVALIDATE = "private, no-cache"


def etag(*parts: object, weak: bool = False) -> str:
    """Return the tag of a representation that changes whenever one of the parts does."""
    digest = hashlib.sha256(orjson.dumps(parts, default=str)).digest()[:16]
    tag = f'"{base64.urlsafe_b64encode(digest).decode().rstrip("=")}"'
    return f"W/{tag}" if weak else tag


@dataclass(frozen=True, slots=True)
class Preconditions:
    """The conditions under which the client wants an answer."""

    if_none_match: str | None
    if_match: str | None

    def unchanged(self, tag: str) -> bool:
        """Tell whether the client holds this representation already (weak comparison)."""
        return self.if_none_match is not None and _listed(tag, self.if_none_match, weak=True)

    def revalidate(self, tag: str, cache_control: str = REVALIDATE) -> None:
        """End the request with 304 if the client holds this representation already."""
        if self.unchanged(tag):
            raise HTTPException(304, headers=tag_headers(tag, cache_control))

    def require(self, tag: str) -> None:
        """Hold a writer to the If-Match it sent; one that sent none may write (strong comparison).

        Raises:
            PreconditionFailed: The resource has changed since the client read it.
        """
        if self.if_match is not None and not _listed(tag, self.if_match, weak=False):
            raise PreconditionFailed


async def preconditions(request: Request) -> Preconditions:
    """Dependency of routes with entity tags; the OpenAPI documents tell of the headers."""
    return Preconditions(request.headers.get(IF_NONE_MATCH), request.headers.get(IF_MATCH))


Conditions = Annotated[Preconditions, Depends(preconditions)]


def tag_headers(tag: str, cache_control: str = REVALIDATE) -> dict[str, str]:
    """Return the headers of an answer that carries this tag."""
    return {"ETag": tag, "Cache-Control": cache_control}


def not_modified(tag: str, cache_control: str = REVALIDATE) -> Response:
    """Return the 304 for a client that holds this representation."""
    return Response(status_code=304, headers=tag_headers(tag, cache_control))


def _listed(tag: str, header: str, *, weak: bool) -> bool:
    candidates = [candidate.strip() for candidate in header.split(",")]
    if "*" in candidates:
        return True
    if weak:
        return tag.removeprefix("W/") in [item.removeprefix("W/") for item in candidates]
    return not tag.startswith("W/") and tag in candidates
