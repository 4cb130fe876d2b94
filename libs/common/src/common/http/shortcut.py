"""The way of a request to a hot route: past the layers that such a route does not need.

FastAPI opens three exit stacks around each request, asks its routers in turn, and wraps what is
sent twice: as much work again as a hot route's own. Everything else goes the usual way.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.routing import iter_route_contexts
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from common.http.problem import response_to
from common.http.routes import Handler, HotRoute

# Once for each method: routes in their order, of which the first that matches is taken.
type _Table = dict[str, list["_Way"]]

_NO_WAYS: Final[list["_Way"]] = []


@dataclass(frozen=True, slots=True)
class _Way:
    """A route, and what answers for it; None leads to the app."""

    path: Any
    scope: dict[str, Any]
    handle: Handler | None


class Shortcut:
    """Hands requests to the app, or those of its hot routes to these.

    Args:
        app: What is surrounded; innermost of what the app adds itself.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._table: _Table | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        way, found = self._way(scope) if scope["type"] == "http" else (None, {})
        if way is None or way.handle is None:
            await self._app(scope, receive, send)
            return
        scope.update(way.scope)
        scope["path_params"] = found
        try:
            response = await way.handle(Request(scope, receive, send))
        except Exception as error:  # noqa: BLE001 — what is not known is raised again.
            response = response_to(error)
        await response(scope, receive, send)

    def _way(self, scope: Scope) -> tuple[_Way | None, dict[str, str]]:
        if self._table is None:
            # The routes are complete once there is a request.
            self._table = _table_of(scope["app"])
        path = scope["path"]
        for way in self._table.get(scope["method"], _NO_WAYS):
            match = way.path.match(path)
            if match is not None:
                return way, match.groupdict()
        return None, {}


def _table_of(app: FastAPI) -> _Table:
    table: _Table = {}
    for methods, way in _ways(app):
        for method in methods:
            table.setdefault(method, []).append(way)
    return table


def _ways(app: FastAPI) -> Iterator[tuple[set[str], _Way]]:
    """Yield the ways in the order of the routes, up to one that may match in its own manner."""
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if not isinstance(route, Route):
            return
        plain = not any(each.regex != "[^/]+" for each in context.param_convertors.values())
        hot = route if isinstance(route, HotRoute) and route.is_hot and plain else None
        scope = {
            "route": route,
            "endpoint": route.endpoint,
            "fastapi": {"effective_route_context": context},
        }
        handle = hot.get_route_handler() if hot else None
        yield context.methods or set(), _Way(context.path_regex, scope, handle)
