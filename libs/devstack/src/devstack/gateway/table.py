"""The gateway's one routing table and the rules it rests on, before any file format.

A path that no service claims in `colonnade.toml` has no route, so no spelling reaches it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from devstack.catalog import CatalogError, Service

type Config = dict[str, Any]

PUBLIC_PREFIXES = ("/api/v1/", "/.well-known/")
SHARED_ROUTES = ("/docs", "/problem")  # Every app serves them alike.
ANY_APP = "any-app"
NO_SERVICE = "noop@internal"  # Traefik's own; it answers 418 without asking a service.

# Identity comes from the verified token alone. No service reads these headers; they are dropped
# here as well, so that one added by mistake can never be believed.
IDENTITY_HEADERS = (
    "Remote-User",
    "X-Auth-Request-User",
    "X-Authenticated-User",
    "X-Forwarded-User",
    "X-Remote-User",
    "X-User-Id",
)

# An idle connection is dropped before the app closes it (KEEP_ALIVE_SECONDS of common.http.app): a
# POST on a connection that the other side is closing could not be repeated safely and would be a
# 502.
FORWARDING: Config = {"dialTimeout": "1s", "responseHeaderTimeout": "30s", "idleConnTimeout": "90s"}
# A page of the platform is quick or it comes from the next app.
PAGE_FORWARDING = FORWARDING | {"responseHeaderTimeout": "2s"}

# Only what Traefik says itself is replaced. Services never answer 502 or 504, so their own answers
# pass untouched; the catch-all's 418 becomes the 404 that a person expects.
_PROBLEMS: Config = {"status": ["502", "504"], "query": "/problem/{status}"}
_NOT_FOUND: Config = {
    "status": ["418"],
    "statusRewrites": {"418": 404},
    "query": "/problem/{status}",
}
TRANSPORTS: Mapping[str, Config] = {
    "upstream": {"forwardingTimeouts": FORWARDING},
    "page": {"forwardingTimeouts": PAGE_FORWARDING},
}
_MIDDLEWARES: Mapping[str, Config] = {
    # One for both directions: two cost every request a fifteenth of the gateway's work more.
    "headers": {
        "headers": {
            "customRequestHeaders": dict.fromkeys(IDENTITY_HEADERS, ""),
            # Compressed or not is one address: `compress` does not tell caches so. Origin is for
            # CORS.
            "customResponseHeaders": {"Vary": "Accept-Encoding, Origin"},
        }
    },
    "compress": {"compress": {"excludedContentTypes": ["text/event-stream"]}},
    # Traefik repeats only what it could not deliver, never what a service may have seen.
    "retry": {"retry": {"attempts": 3, "initialInterval": "100ms"}},
}


@dataclass(frozen=True, slots=True)
class Route:
    name: str
    rule: str
    priority: int
    upstream: str
    middlewares: tuple[str, ...]


def routes(services: Sequence[Service]) -> tuple[Route, ...]:
    """The routing table: two routes per service (reads are retried), the pages, and the rest.

    Raises:
        CatalogError: two services claim the same path, or a path is not a public one.
    """
    _check_routes(services)
    table: list[Route] = []
    for service in services:
        document = f"Path(`/api/v1/{service.name}/openapi.json`)"
        table += _pair(service.name, f"{_below(service.routes)} || {document}", service.name)
    table += _pair("pages", _below(SHARED_ROUTES), ANY_APP)
    table.append(Route("not-found", "PathPrefix(`/`)", 1, NO_SERVICE, ("not-found",)))
    return tuple(table)


def middlewares(pages: str | Config) -> Config:
    """The middlewares that routes name; `pages` is the upstream of the problem pages."""
    errors = {"problems": _PROBLEMS, "not-found": _NOT_FOUND}
    return {
        **{name: {"errors": spec | {"service": pages}} for name, spec in errors.items()},
        **_MIDDLEWARES,
    }


def _pair(name: str, rule: str, upstream: str) -> tuple[Route, Route]:
    chain = ("problems", "headers", "compress")
    reads = f"({rule}) && (Method(`GET`) || Method(`HEAD`))"
    return (
        Route(f"{name}-reads", reads, 30, upstream, (*chain, "retry")),
        Route(name, rule, 20, upstream, chain),
    )


def _below(paths: Sequence[str]) -> str:
    # PathPrefix(`/x`) alone would also match /xy.
    return " || ".join(f"Path(`{path}`) || PathPrefix(`{path}/`)" for path in paths)


def _check_routes(services: Sequence[Service]) -> None:
    claims = [(service.name, path) for service in services for path in service.routes]
    for name, path in claims:
        if not path.startswith(PUBLIC_PREFIXES) or path.endswith("/") or "`" in path:
            raise CatalogError(f"{name}: {path} is not a public path")
    for (one, path), (other, again) in combinations(claims, 2):
        if one != other and f"{path}/".startswith(f"{again}/"):
            raise CatalogError(f"{one} and {other} both claim {path}")
        if one != other and f"{again}/".startswith(f"{path}/"):
            raise CatalogError(f"{one} and {other} both claim {again}")
