"""Routes whose dependencies are called in an order that is found once, not for each request.

FastAPI walks the tree of a route's dependencies anew for each request, and asks of every node what
kind of function it is and which parameters of which kind it has: a third of a read's time (ADR 15).
"""

import inspect
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_params_to_args
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

type Handler = Callable[[Request], Coroutine[Any, Any, Response]]

# Where FastAPI keeps the parameters of a kind, and where a request has their values.
_KINDS: Final = (
    ("path_params", "path_params"),
    ("query_params", "query_params"),
    ("header_params", "headers"),
    ("cookie_params", "cookies"),
)


class HotRoute(APIRoute):
    """The class of a router's routes (`route_class=`): it calls the dependencies itself if it can.

    It can (`is_hot`) for a route without a body whose function returns a `Response` and whose
    dependencies are coroutine functions. What they raise, and which parameters are refused, is as
    in any other route.
    """

    @property
    def is_hot(self) -> bool:
        """Whether the route is one of these."""
        returns = inspect.signature(self.endpoint, eval_str=True).return_annotation
        return self.body_field is None and returns is Response and _is_plain(self.dependant)

    def get_route_handler(self) -> Handler:
        """Return the handler, which knows what to call."""
        if not self.is_hot:
            return super().get_route_handler()
        calls = tuple(_in_order(self.dependant))

        async def handle(request: Request) -> Response:
            response: Response = await _Asked(request).run(calls)
            return response

        return handle


def calls_of(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    """Yield a route's function and its dependencies, at any depth."""
    if dependant.call is not None:
        yield dependant.call
    for each in dependant.dependencies:
        yield from calls_of(each)


class _Refused(Exception):
    """Parameters were refused, so whoever needs them is not called."""


@dataclass(slots=True)
class _Call:
    """A function, and where its arguments come from.

    Attributes:
        results: The names of arguments that former calls return, with the places of these calls.
        parameters: What is read of the request: FastAPI's fields, and where the values are.
    """

    function: Callable[..., Coroutine[Any, Any, Any]]
    results: list[tuple[str | None, int]] = field(default_factory=list)
    parameters: list[tuple[Sequence[Any], str]] = field(default_factory=list)
    request: str | None = None
    response: str | None = None

    def arguments(self, asked: "_Asked") -> dict[str, Any]:
        """Return the arguments.

        Raises:
            _Refused: Parameters were, of this function or of one that it needs.
        """
        given: dict[str, Any] = {}
        refused = False
        for name, place in self.results:
            refused = refused or asked.results[place] is _REFUSED
            if name is not None:
                given[name] = asked.results[place]
        for fields, source in self.parameters:
            values, errors = request_params_to_args(fields, getattr(asked.request, source))
            given.update(values)
            asked.errors += errors
            refused = refused or bool(errors)
        if refused:
            raise _Refused
        if self.request is not None:
            given[self.request] = asked.request
        if self.response is not None:
            given[self.response] = asked.response
        return given


_REFUSED: Final = object()


class _Asked:
    """A request, what the calls so far returned, and what of it was refused."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.results: list[Any] = []
        self.errors: list[Any] = []

    @cached_property
    def response(self) -> Response:
        """What dependencies may set headers of, as FastAPI hands it out."""
        response = Response()
        del response.headers["content-length"]
        return response

    async def run(self, calls: Sequence[_Call]) -> Any:
        """Call one after the other; return what the last one does.

        Raises:
            RequestValidationError: Parameters were refused.
        """
        for call in calls:
            try:
                arguments = call.arguments(self)
            except _Refused:
                self.results.append(_REFUSED)
            else:
                if self.errors and call is calls[-1]:
                    break
                self.results.append(await call.function(**arguments))
        if self.errors:
            raise RequestValidationError(self.errors)
        return self.results[-1]


def _in_order(dependant: Dependant) -> Iterator[_Call]:
    """Yield each function once, after those that it needs."""
    places: dict[Any, int] = {}

    def visit(node: Dependant) -> Iterator[_Call]:
        assert node.call is not None  # noqa: S101 — a route's and each dependency's is set.
        call = _Call(node.call)
        for each in node.dependencies:
            if each.call not in places:
                yield from visit(each)
            call.results.append((each.name, places[each.call]))
        fields = ((getattr(node, kind), source) for kind, source in _KINDS)
        call.parameters = [(params, source) for params, source in fields if params]
        call.request = node.request_param_name or node.http_connection_param_name
        call.response = node.response_param_name
        places[node.call] = len(places)
        yield call

    yield from visit(dependant)


def _is_plain(node: Dependant) -> bool:
    """Whether a function and its dependencies take and do nothing that needs FastAPI."""
    function = node.call
    called = function if inspect.isroutine(function) else type(function).__call__
    return (
        inspect.iscoroutinefunction(called)
        and not node.background_tasks_param_name
        and not node.security_scopes_param_name
        and all(_is_plain(each) for each in node.dependencies)
    )
