"""Where a piece of work comes from: a request id and a W3C trace context, carried everywhere.

HTTP, the outbox, streams and tasks bind what they received and send `current_headers()` onwards.
"""

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from common.ids import new_id

REQUEST_ID = "X-Request-ID"
TRACEPARENT = "traceparent"

# Characters that need no quoting in a header, a log line or a SQL literal.
_REQUEST_ID_PATTERN = re.compile(r"[A-Za-z0-9._:@=/+-]{1,128}", re.ASCII)
# W3C Trace Context, version 00: ids of zeros only are invalid.
_TRACEPARENT_PATTERN = re.compile(
    r"00-(?!0{32})(?P<trace>[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-(?P<flags>[0-9a-f]{2})"
)

_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
_traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)


def request_id() -> str | None:
    """Return the id of the request that caused the present work, if any is bound."""
    return _request_id.get()


def trace_id() -> str | None:
    """Return the 32 hex digits of the present trace, if any is bound."""
    value = _traceparent.get()
    return value[3:35] if value else None


def make_traceparent(parent: str | None = None) -> str:
    """Return the trace context of a new span: in the parent's trace if that is well-formed."""
    match = _TRACEPARENT_PATTERN.fullmatch(parent or "")
    trace = match["trace"] if match else secrets.token_hex(16)
    flags = match["flags"] if match else "00"
    return f"00-{trace}-{secrets.token_hex(8)}-{flags}"


def make_request_id(received: str | None = None) -> str:
    """Return the received id when it is safe to repeat, else a new UUIDv7."""
    if received and _REQUEST_ID_PATTERN.fullmatch(received):
        return received
    return str(new_id())


def current_headers() -> dict[str, str]:
    """Return the headers that carry the present context; empty when nothing is bound."""
    pairs = ((REQUEST_ID, _request_id.get()), (TRACEPARENT, _traceparent.get()))
    return {name: value for name, value in pairs if value}


@contextmanager
def bind(headers: Mapping[str, str]) -> Iterator[None]:
    """Work inside the context that these headers carry; what is absent or malformed is made.

    Args:
        headers: As returned by `current_headers()`; names are compared without case.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    request_token = _request_id.set(make_request_id(lowered.get(REQUEST_ID.lower())))
    trace_token = _traceparent.set(make_traceparent(lowered.get(TRACEPARENT)))
    try:
        yield
    finally:
        _request_id.reset(request_token)
        _traceparent.reset(trace_token)
