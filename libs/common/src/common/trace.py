"""Where a piece of work comes from: a request id and a W3C trace context, carried everywhere.

HTTP, the outbox, streams and tasks bind what they received and send `current_headers()` onwards.
`span` does that too, and records the work while this process has a tracer; else it only binds.
"""

import random
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from types import TracebackType
from typing import ClassVar, Self

from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    Tracer,
    set_span_in_context,
)

from common.ids import new_id

__all__ = ["Span", "SpanKind"]

REQUEST_ID = "X-Request-ID"
TRACEPARENT = "traceparent"

# Characters that need no quoting in a header, a log line or a SQL literal.
_REQUEST_ID_PATTERN = re.compile(r"[A-Za-z0-9._:@=/+-]{1,128}", re.ASCII)
# W3C Trace Context, version 00: ids of zeros only are invalid.
_TRACEPARENT_PATTERN = re.compile(
    r"00-(?!0{32})(?P<trace>[0-9a-f]{32})-(?!0{16})(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})"
)

_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
_traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)
# Who really acts where a token speaks for somebody else: a short text, for logs.
_impersonator: ContextVar[str | None] = ContextVar("impersonator", default=None)
_span: ContextVar[Span] = ContextVar("span", default=INVALID_SPAN)
_UNRECORDED = nullcontext(INVALID_SPAN)


class _Recorder:
    """Where the spans of this process go."""

    tracer: ClassVar[Tracer | None] = None


def request_id() -> str | None:
    """Return the id of the request that caused the present work, if any is bound."""
    return _request_id.get()


def trace_id() -> str | None:
    """Return the 32 hex digits of the present trace, if any is bound."""
    value = _traceparent.get()
    return value[3:35] if value else None


def impersonator() -> str | None:
    """Return who acts in the name of somebody else in the present work, if anybody does."""
    return _impersonator.get()


def name_impersonator(name: str) -> None:
    """Say that the rest of the present request is done by `name` for somebody else."""
    _impersonator.set(name)


def make_traceparent(parent: str | None = None) -> str:
    """Return the trace context of a new span: in the parent's trace if that is well-formed."""
    match = _TRACEPARENT_PATTERN.fullmatch(parent or "")
    # They are made for every request and event, and no secret: `secrets` would ask the kernel.
    trace = match["trace"] if match else f"{random.getrandbits(128) or 1:032x}"
    flags = match["flags"] if match else "00"
    span = random.getrandbits(64) or 1
    return f"00-{trace}-{span:016x}-{flags}"


def make_request_id(received: str | None = None) -> str:
    """Return the received id when it is safe to repeat, else a new UUIDv7."""
    if received and _REQUEST_ID_PATTERN.fullmatch(received):
        return received
    return str(new_id())


def current_headers() -> dict[str, str]:
    """Return the headers that carry the present context; empty when nothing is bound."""
    pairs = ((REQUEST_ID, _request_id.get()), (TRACEPARENT, _traceparent.get()))
    return {name: value for name, value in pairs if value}


class bind:  # noqa: N801 — used as a function; a generator would cost every request as much again.
    """Work inside the context that these headers carry; what is absent or malformed is made.

    Its `with` yields a span that records nothing.

    Args:
        headers: As returned by `current_headers()`; names are compared without case.
    """

    __slots__ = ("_impersonator_token", "_received", "_request_token", "_trace_token")

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._received = {name.lower(): value for name, value in headers.items()}

    def __enter__(self) -> Span:
        received = self._received
        self._request_token = _request_id.set(make_request_id(received.get(REQUEST_ID.lower())))
        self._trace_token = _traceparent.set(make_traceparent(received.get(TRACEPARENT)))
        self._impersonator_token = _impersonator.set(None)
        return INVALID_SPAN

    def __exit__(self, *_: object) -> None:
        _request_id.reset(self._request_token)
        _traceparent.reset(self._trace_token)
        _impersonator.reset(self._impersonator_token)


class Attempt:
    """An asynchronous block whose work takes effect together or not at all.

    The spans that it keeps fail when it does: what is rolled back and done again stays visible.
    """

    def __init__(self) -> None:
        self._ended: list[tuple[Span, int]] = []
        self._explained = False

    def explain(self) -> None:
        """Note that a span has told why the block fails."""
        self._explained = True

    def keep(self, span: Span) -> None:
        """Let a span whose work is done wait for the outcome of the block."""
        self._ended.append((span, time.time_ns()))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        for each, ended_at in self._ended:
            if error is not None:
                # A commit fails because of the only one, or of one that nobody knows.
                to_blame = len(self._ended) == 1 and not self._explained
                fail(each, error if to_blame else f"rolled back by {type(error).__name__}")
            each.end(ended_at)


@contextmanager
def recording(tracer: Tracer) -> Iterator[None]:
    """Record the spans of this process with `tracer` during the block."""
    former, _Recorder.tracer = _Recorder.tracer, tracer
    try:
        yield
    finally:
        _Recorder.tracer = former


def span(
    name: str,
    kind: SpanKind,
    headers: Mapping[str, str] | None = None,
    *,
    attempt: Attempt | None = None,
) -> AbstractContextManager[Span]:
    """Work inside a span, which `current_headers()` carries; it fails with an exception.

    Args:
        name: Of few different values, such as a route's template.
        kind: Its role towards the other end.
        headers: What was received, as for `bind`: the parent. The span around this one, if any, is
            then linked. Without them that one is the parent, and nothing is bound where there is
            no tracer.
        attempt: The block that decides whether the work takes effect.

    Returns:
        The span; ask `is_recording()` before making attributes for it.
    """
    tracer = _Recorder.tracer
    if tracer is None:
        return _UNRECORDED if headers is None else bind(headers)
    return _recorded(tracer, name, kind, headers, attempt)


def current_span() -> Span:
    """Return the present span; one that records nothing when there is none."""
    return _span.get()


def fail(span: Span, error: BaseException | str) -> None:
    """Mark a span as failed, and tell the exception if it is one."""
    if isinstance(error, str):
        span.set_status(StatusCode.ERROR, error)
        return
    name = type(error).__name__
    if isinstance(error, Exception):
        span.record_exception(error)
    span.set_attribute("error.type", name)
    span.set_status(StatusCode.ERROR, f"{name}: {error}")


@contextmanager
def _recorded(
    tracer: Tracer,
    name: str,
    kind: SpanKind,
    headers: Mapping[str, str] | None,
    attempt: Attempt | None,
) -> Iterator[Span]:
    parent, links, request = _span.get(), [], _request_id.get()
    if headers is not None:
        if parent.is_recording():
            links.append(Link(parent.get_span_context()))
        lowered = {name.lower(): value for name, value in headers.items()}
        parent = _received(lowered.get(TRACEPARENT))
        request = make_request_id(lowered.get(REQUEST_ID.lower()))
    started = tracer.start_span(name, set_span_in_context(parent, Context()), kind, links=links)
    request_token = _request_id.set(request)
    trace_token = _traceparent.set(_traceparent_of(started))
    span_token = _span.set(started)
    # What begins with a received context is nobody's yet.
    impersonator_token = _impersonator.set(None if headers is not None else _impersonator.get())
    try:
        yield started
    except BaseException as error:
        fail(started, error)
        started.end()
        if attempt is not None:
            attempt.explain()
        raise
    else:
        if attempt is None:
            started.end()
        else:
            attempt.keep(started)
    finally:
        _impersonator.reset(impersonator_token)
        _request_id.reset(request_token)
        _traceparent.reset(trace_token)
        _span.reset(span_token)


def _received(traceparent: str | None) -> Span:
    """Return what a received trace context names: the parent of what is done for it."""
    match = _TRACEPARENT_PATTERN.fullmatch(traceparent or "")
    if match is None:
        return INVALID_SPAN
    ids = int(match["trace"], 16), int(match["span"], 16)
    return NonRecordingSpan(SpanContext(*ids, True, TraceFlags(int(match["flags"], 16))))


def _traceparent_of(span: Span) -> str:
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
