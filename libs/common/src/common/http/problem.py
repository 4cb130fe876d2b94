"""Every failure as application/problem+json (RFC 9457), whichever layer it comes from.

`type` is always about:blank, so `title` is the phrase of the status; `code` says what happened
and is what programs compare. Input is named by pointer or parameter, never repeated.
"""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Route

from common.errors import AppError, Category
from common.trace import request_id

MEDIA_TYPE = "application/problem+json"

log = structlog.get_logger()

STATUS = {
    Category.INVALID: 422,
    Category.UNAUTHENTICATED: 401,
    Category.FORBIDDEN: 403,
    Category.NOT_FOUND: 404,
    Category.GONE: 410,
    Category.CONFLICT: 409,
    Category.PRECONDITION_FAILED: 412,
    Category.RATE_LIMITED: 429,
    Category.UNAVAILABLE: 503,
}
# The codes of failures that no use case raised.
CODES = {
    400: "common.bad_request",
    401: "common.unauthenticated",
    403: "common.forbidden",
    404: "common.route_not_found",
    405: "common.method_not_allowed",
    413: "common.body_too_large",
    415: "common.unsupported_media_type",
    422: "common.validation_failed",
    429: "common.rate_limited",
    500: "common.internal_error",
    502: "common.bad_gateway",
    503: "common.unavailable",
    504: "common.gateway_timeout",
}
_RETRYABLE = (429, 503)


class ProblemError(BaseModel):
    """One thing that is wrong with the input."""

    pointer: str | None = Field(None, description="JSON pointer into the body (RFC 6901).")
    parameter: str | None = Field(None, description="Name of a path, query or header parameter.")
    code: str = Field(description="What is wrong, for programs.")
    detail: str = Field(description="What is wrong, for people.")


class Problem(BaseModel):
    """A failure (RFC 9457)."""

    type: Literal["about:blank"] = Field("about:blank", description="Always about:blank.")
    title: str = Field(description="Phrase of the HTTP status.")
    status: int = Field(description="HTTP status.")
    detail: str = Field(description="What happened, for people.")
    code: str = Field(description="What happened, for programs; stable.")
    errors: list[ProblemError] = Field([], description="What is wrong with the input, in parts.")
    request_id: str | None = Field(None, description="To be quoted when asking for help.")


def problem_response(
    status: int,
    *,
    code: str | None = None,
    detail: str | None = None,
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
    members: Mapping[str, Any] | None = None,
) -> Response:
    """Return a problem document; code and detail default to those of the status."""
    title = _title(status)
    document = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail or title,
        "code": code or CODES.get(status, f"common.http_{status}"),
        "errors": list(errors),
        "request_id": request_id(),
        **(members or {}),
    }
    all_headers = dict(headers or {})
    if status in _RETRYABLE:
        all_headers.setdefault("Retry-After", "1")
    return Response(_dump(document), status, all_headers, MEDIA_TYPE)


def app_error_response(error: AppError) -> Response:
    """Return the problem document of an expected failure and log it as its category asks."""
    status = STATUS[error.category]
    level = log.warning if status in _RETRYABLE else log.info
    level("request_failed", code=error.code, status=status)
    return app_error_problem(error)


def app_error_problem(error: AppError) -> Response:
    """Return the problem document of an expected failure, and say nothing of it."""
    status = STATUS[error.category]
    return problem_response(
        status,
        code=error.code,
        detail=str(error),
        errors=_field_errors(error),
        headers=_headers(error, status),
        members={name: error.fields[name] for name in error.told},
    )


def unexpected_response(error: Exception) -> Response:
    """Log an unexpected failure with its traceback and return an answer that tells nothing."""
    log.error("request_crashed", exc_info=error)
    return problem_response(500, detail="Something went wrong on our side.")


def response_to(error: Exception) -> Response:
    """Return the problem document of a failure of ours or of the framework's.

    Raises:
        Exception: It is neither; it is raised as it is.
    """
    for kind, respond in _RESPONSES.items():
        if isinstance(error, kind):
            return respond(error)
    raise error


def install(app: FastAPI) -> None:
    """Make the app answer problem documents for its own errors and for the framework's."""
    for kind in _RESPONSES:
        app.add_exception_handler(kind, _on_error)


async def _on_error(request: Request, error: Exception) -> Response:
    response = response_to(error)
    if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = _allowed_methods(request)
    return response


def _allowed_methods(request: Request) -> str:
    """Return what is allowed at a path by all of its routes; the framework looks at the first."""
    path, allowed = request.scope["path"], set[str]()
    for context in iter_route_contexts(request.app.routes):
        if isinstance(context.original_route, Route) and context.path_regex.match(path):
            allowed |= context.methods or set()
    return ", ".join(sorted(allowed))


def _http_exception_response(error: HTTPException) -> Response:
    if error.status_code < HTTPStatus.BAD_REQUEST:
        return Response(status_code=error.status_code, headers=error.headers)
    return problem_response(error.status_code, headers=error.headers)


def _validation_error_response(error: RequestValidationError) -> Response:
    errors = [_validation_error(item) for item in error.errors()]
    log.info("request_failed", code=CODES[422], status=422)
    return problem_response(422, detail="The input is not valid.", errors=errors)


_RESPONSES: dict[type[Exception], Callable[[Any], Response]] = {
    AppError: app_error_response,
    RequestValidationError: _validation_error_response,
    HTTPException: _http_exception_response,
}


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown Status"


def _dump(document: Mapping[str, Any]) -> bytes:
    return orjson.dumps(document, default=str)


def _field_errors(error: AppError) -> list[dict[str, str]]:
    field = error.fields.get("field")
    if not isinstance(field, str):
        return []
    return [{"pointer": "/" + _escaped(field), "code": error.code, "detail": str(error)}]


def _headers(error: AppError, status: int) -> dict[str, str]:
    if status in _RETRYABLE:
        default = getattr(error, "retry_after_seconds", 1)
        seconds = error.fields.get("retry_after_seconds", default)
        return {"Retry-After": str(seconds), **error.fields.get("headers", {})}
    if status == HTTPStatus.UNAUTHORIZED:
        # RFC 6750, 3.1: no error code when the request carried no credentials at all.
        invalid = error.code == "common.invalid_token"
        return {"WWW-Authenticate": 'Bearer error="invalid_token"' if invalid else "Bearer"}
    if error.code == "common.insufficient_scope":
        return {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}
    return {}


def _validation_error(item: Mapping[str, Any]) -> dict[str, str]:
    place, *path = item["loc"]
    if place == "body":
        where = {"pointer": "".join(f"/{_escaped(str(part))}" for part in path)}
    else:
        where = {"parameter": str(path[0]) if path else str(place)}
    return {**where, "code": str(item["type"]), "detail": _harmless(item)}


def _harmless(item: Mapping[str, Any]) -> str:
    """Return Pydantic's message without the part in which parsers quote the input."""
    message = str(item["msg"])
    if item["type"] in ("value_error", "assertion_error"):
        return message.partition(", ")[2] or message
    return message.partition(",")[0] if "error" in item.get("ctx", {}) else message


def _escaped(part: str) -> str:
    safe = part.encode("utf-8", "replace").decode()
    return safe.replace("~", "~0").replace("/", "~1")
