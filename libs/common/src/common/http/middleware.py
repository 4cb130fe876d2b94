"""What surrounds every request: its trace, its deadline, its log line, its metrics, its headers.

Pure ASGI. No header of a client says who it is: identity comes from verified tokens alone.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from http import HTTPStatus
from typing import Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.deadline import DeadlineExceeded, within
from common.http.client import DEADLINE
from common.http.metrics import method_label, observe, route_template
from common.http.problem import app_error_problem, unexpected_response
from common.trace import (
    REQUEST_ID,
    TRACEPARENT,
    Span,
    SpanKind,
    bind,
    current_span,
    fail,
    request_id,
    span,
)

log = structlog.get_logger()

# Probes, scrapes and readers of keys come every few seconds; their lines would bury the others.
_UNLOGGED = ("/healthz", "/readyz", "/metrics", "/internal/jwks")
_CONTEXT = tuple((name, name.lower().encode()) for name in (REQUEST_ID, TRACEPARENT))
_DEADLINE_HEADER = DEADLINE.lower().encode()
_REQUEST_ID_HEADER = REQUEST_ID.lower().encode()
_INTERNAL = "/internal/"
_LONGEST_INTERNAL_SECONDS = 60.0


class _Answer:
    """The answer of one request on its way out: completed headers, status, and whether it began."""

    def __init__(
        self, send: Send, headers: Sequence[tuple[bytes, bytes]], timer: asyncio.Timeout
    ) -> None:
        self.status = 500
        self.started = False
        self._send = send
        self._headers = headers
        self._timer: asyncio.Timeout | None = timer

    def no_deadline(self) -> None:
        """Send what follows whatever time it takes; the deadline has done its work."""
        self._timer = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            # What is being sent is not cut: a stream may outlive the deadline of its start.
            if self._timer is not None:
                self._timer.reschedule(None)
            given = message.get("headers", ())
            present = {name for name, _ in given}
            ours = [pair for pair in self._headers if pair[0] not in present]
            named = (_REQUEST_ID_HEADER, (request_id() or "").encode())
            message["headers"] = [*given, *ours, named]
        await self._send(message)


class RequestContext:
    """Binds the trace and the deadline, answers what nothing else answered, logs and counts.

    Args:
        app: What is surrounded.
        security_headers: Set on every answer that lacks them.
        timeout_seconds: Deadline until the answer starts.
    """

    def __init__(
        self, app: ASGIApp, *, security_headers: Mapping[str, str], timeout_seconds: float
    ) -> None:
        self._app = app
        # Encoded once: this runs for every answer.
        self._headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in security_headers.items()
        ]
        self._timeout = timeout_seconds
        # Bound once it is used, so after logging was configured: each line would bind it anew.
        self._log: Any = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        started = time.perf_counter()
        incoming = {
            name: headers[raw].decode("latin-1") for name, raw in _CONTEXT if raw in headers
        }
        seconds = self._seconds(scope, headers)
        with _request_span(scope, incoming) as recorded, within(seconds):
            timer = asyncio.timeout(seconds)
            answer = _Answer(send, self._headers, timer)
            try:
                await self._answer(scope, receive, answer, timer)
            finally:
                self._account(scope, answer.status, time.perf_counter() - started)
                _describe(recorded, scope, answer.status)

    async def _answer(
        self, scope: Scope, receive: Receive, answer: _Answer, timer: asyncio.Timeout
    ) -> None:
        try:
            async with timer:
                await self._app(scope, receive, answer.send)
        except Exception as error:
            if answer.started:
                # Half an answer is out; only closing the connection tells the client.
                raise
            answer.no_deadline()
            current_span().record_exception(error)
            if timer.expired() and isinstance(error, TimeoutError):
                response = app_error_problem(DeadlineExceeded())
            else:
                response = unexpected_response(error)
            await response(scope, receive, answer.send)

    def _seconds(self, scope: Scope, headers: Mapping[bytes, bytes]) -> float:
        """Return the deadline: ours, or the caller's; only a service may ask for a longer one."""
        given = headers.get(_DEADLINE_HEADER, b"")
        if not given.isdigit() or len(given) > 7:  # noqa: PLR2004 — 10^7 ms are beyond any use.
            return self._timeout
        internal = scope["path"].startswith(_INTERNAL)
        longest = _LONGEST_INTERNAL_SECONDS if internal else self._timeout
        return min(int(given) / 1000, longest)

    def _account(self, scope: Scope, status: int, seconds: float) -> None:
        observe(scope, status, seconds)
        if scope["path"] not in _UNLOGGED:
            self._log = self._log or log.bind()
            self._log.info(
                "request_answered",
                method=scope["method"],
                route=route_template(scope),
                status=status,
                milliseconds=round(seconds * 1000, 2),
            )


def _request_span(scope: Scope, incoming: Mapping[str, str]) -> AbstractContextManager[Span]:
    if scope["path"] in _UNLOGGED:
        return bind(incoming)
    # Its route is known when it has been answered.
    return span(method_label(scope), SpanKind.SERVER, incoming)


def _describe(recorded: Span, scope: Scope, status: int) -> None:
    """Say what was asked for. The query stays out: mailed tokens come in it."""
    if not recorded.is_recording():
        return
    method, route = method_label(scope), route_template(scope)
    recorded.update_name(f"{method} {route}")
    recorded.set_attributes(
        {
            "http.request.method": method,
            "http.response.status_code": status,
            "http.route": route,
            "url.path": scope["path"],
            "url.scheme": scope["scheme"],
        }
    )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        fail(recorded, f"answered {status}")
