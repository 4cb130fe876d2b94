"""Routes whose dependencies are called in an order that is found once, not for each request.

FastAPI walks the tree of a route's dependencies anew for each request, and asks of every node what
kind of function it is and which parameters of which kind it has: a third of a read's time (ADR 15).
"""

import inspect
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin
from uuid import UUID

import orjson
from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_body_to_args, request_params_to_args
from fastapi.exceptions import RequestValidationError
from fastapi.params import Body, Path, Query
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticUndefined as Undefined

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

    It can (`is_hot`) for a route whose function returns a `Response`, whose body, if it has one,
    is one JSON model, and whose dependencies are coroutine functions. What they raise, and which
    input is refused, is as in any other route.
    """

    @property
    def is_hot(self) -> bool:
        """Whether the route is one of these."""
        returns = inspect.signature(self.endpoint, eval_str=True).return_annotation
        return returns is Response and self._takes_json_at_most and _is_plain(self.dependant)

    @property
    def _takes_json_at_most(self) -> bool:
        own = self.dependant.body_params
        below = [each for node in self.dependant.dependencies for each in _body_params(node)]
        if below or len(own) > 1:
            return False
        # An embedded field is another one than its parameter.
        return not own or (self.body_field is own[0] and type(own[0].field_info) is Body)

    def get_route_handler(self) -> Handler:
        """Return the handler, which knows what to call."""
        if not self.is_hot:
            return super().get_route_handler()
        calls = tuple(_in_order(self.dependant))
        body = self.dependant.body_params

        async def handle(request: Request) -> Response:
            response: Response = await _Asked(request).run(calls, body)
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


# Names of the argument and in the request, what makes the one of the other, and what else it is.
type _Plain = list[tuple[str, str, Callable[[Any], Any], Any]]


@dataclass(slots=True)
class _Call:
    """A function, and where its arguments come from.

    Attributes:
        results: The names of arguments that former calls return, with the places of these calls.
        parameters: What is read of the request: FastAPI's fields, where the values are, and how
            they are read where all are plain.
    """

    function: Callable[..., Coroutine[Any, Any, Any]]
    results: list[tuple[str | None, int]] = field(default_factory=list)
    parameters: list[tuple[Sequence[Any], str, _Plain | None]] = field(default_factory=list)
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
        for fields, source, plain in self.parameters:
            found = getattr(asked.request, source)
            if plain is not None and _take_plain(plain, found, given):
                continue
            values, errors = request_params_to_args(fields, found)
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
_REQUIRED: Final = object()
_PLAIN_KINDS: Final[set[Any]] = {str, int, float, bool, UUID, datetime, NoneType}


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

    async def run(self, calls: Sequence[_Call], body: list[Any]) -> Any:
        """Call one after the other; return what the last one does.

        Args:
            calls: The dependencies, and the route's function.
            body: The field of its body, if it takes one.

        Raises:
            RequestValidationError: Parameters or the body were refused.
        """
        for call in calls[:-1]:
            try:
                arguments = call.arguments(self)
            except _Refused:
                self.results.append(_REFUSED)
            else:
                self.results.append(await call.function(**arguments))
        arguments = {}
        with suppress(_Refused):
            arguments = calls[-1].arguments(self)
        if body:
            held = await _json_of(self.request)
            values, errors = await request_body_to_args(body, held, embed_body_fields=False)
            arguments.update(values)
            self.errors += errors
        if self.errors:
            raise RequestValidationError(self.errors)
        return await calls[-1].function(**arguments)


async def _json_of(request: Request) -> Any:
    """Return the body: what it says if it is JSON, `Undefined` if there is none."""
    body = await request.body()
    if not body:
        return Undefined
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    main, _, kind = media_type.partition("/")
    if main != "application" or (kind != "json" and not kind.endswith("+json")):
        return body
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        malformed = {"type": "json_invalid", "loc": ("body", error.pos), "input": {}}
        told = {"msg": "JSON decode error", "ctx": {"error": error.msg}}
        raise RequestValidationError([malformed | told]) from error


def _body_params(node: Dependant) -> Iterator[Any]:
    yield from node.body_params
    for each in node.dependencies:
        yield from _body_params(each)


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
        call.parameters = [
            (params, source, _plain_parameters(params)) for params, source in fields if params
        ]
        call.request = node.request_param_name or node.http_connection_param_name
        call.response = node.response_param_name
        places[node.call] = len(places)
        yield call

    yield from visit(dependant)


def _plain_parameters(fields: Sequence[Any]) -> _Plain | None:
    """Return how parameters of the path and the query are read, if each is one value at most.

    FastAPI finds out anew for each request what kind of parameter a field is: a tenth of a read.
    """
    plain: _Plain = []
    for each in fields:
        info = each.field_info
        plain_kind = _kinds(info.annotation) <= _PLAIN_KINDS
        if not isinstance(info, Path | Query) or info.default_factory or not plain_kind:
            return None
        adapter: TypeAdapter[Any] = TypeAdapter(
            Annotated[info.annotation, info]  # type: ignore[arg-type]  # built as FastAPI does.
        )
        default = _REQUIRED if info.is_required() else info.default
        plain.append((each.name, each.alias, adapter.validate_python, default))
    return plain


def _kinds(annotation: Any) -> set[Any]:
    """Return the types of which a value is one, or what the annotation is instead."""
    if get_origin(annotation) is Annotated:
        return _kinds(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return set().union(*map(_kinds, get_args(annotation)))
    return {annotation}


def _take_plain(plain: _Plain, found: Mapping[str, Any], given: dict[str, Any]) -> bool:
    """Add arguments if there is nothing to refuse; FastAPI knows best how that is said."""
    taken: dict[str, Any] = {}
    for name, alias, validate, default in plain:
        value = found.get(alias)
        if value is None:
            if default is _REQUIRED:
                return False
            taken[name] = default
            continue
        try:
            taken[name] = validate(value)
        except ValidationError:
            return False
    given.update(taken)
    return True


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
