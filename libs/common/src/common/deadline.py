"""The time a request has left, known to every call made on its behalf. Seconds, monotonic."""

import time
from contextvars import Context, ContextVar, copy_context

from common.errors import Unavailable

_ends_at: ContextVar[float | None] = ContextVar("deadline", default=None)


class DeadlineExceeded(Unavailable):
    code = "common.deadline_exceeded"
    message = "This took too long."


def remaining_seconds() -> float | None:
    """Return the seconds left, never negative; None when the work has no deadline."""
    ends_at = _ends_at.get()
    return None if ends_at is None else max(0.0, ends_at - time.monotonic())


def context_without_deadline() -> Context:
    """Return a copy of the present context for work that is not this request's alone."""
    context = copy_context()
    context.run(_ends_at.set, None)
    return context


class within:  # noqa: N801 — used as a function; a generator would cost every request as much again.
    """Give the work inside at most so many seconds; a nested deadline can only shorten."""

    __slots__ = ("_ends_at", "_token")

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds

    def __enter__(self) -> None:
        outer = _ends_at.get()
        self._token = _ends_at.set(self._ends_at if outer is None else min(outer, self._ends_at))

    def __exit__(self, *_: object) -> None:
        _ends_at.reset(self._token)
