"""What every HTTP server of the platform counts, and the page that shows it."""

from functools import cache

from fastapi import Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    Counter,
    Histogram,
    generate_latest,
)
from starlette.types import Scope

REQUESTS = Counter("http_requests_total", "Requests answered.", ["method", "route", "status"])
SECONDS = Histogram("http_request_seconds", "Time to the last byte.", ["method", "route"])

# Labels are bounded: neither a made-up method nor an unknown path makes a new series.
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def route_template(scope: Scope) -> str:
    """Return the path template that answered, prefix included, or a constant for none."""
    context = scope.get("fastapi", {}).get("effective_route_context")
    path = getattr(context, "path_format", None) or getattr(scope.get("route"), "path", None)
    return path or "unmatched"


def method_label(scope: Scope) -> str:
    """Return the method of a request, or a constant for what is none."""
    return scope["method"] if scope["method"] in _METHODS else "OTHER"


def observe(scope: Scope, status: int, seconds: float) -> None:
    """Count one answered request."""
    answered, took = _series(method_label(scope), route_template(scope), status)
    answered.inc()
    took.observe(seconds)


@cache  # Labels are bounded, and looking series up by their texts costs more than to count.
def _series(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return REQUESTS.labels(method, route, status), SECONDS.labels(method, route)


def metrics_response() -> Response:
    """Return the metrics of this process in Prometheus' text format."""
    return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)
