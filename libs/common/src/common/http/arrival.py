"""The body of a request, before anything is begun for it: who sends slowly holds up nobody else."""

import asyncio
from collections import deque

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from common.deadline import DeadlineExceeded

_SIGNS = {b"content-length", b"transfer-encoding"}


def declares_more(headers: Headers, limit_bytes: int) -> bool:
    """Tell whether a request announces a body of more than so many bytes."""
    declared = headers.get("content-length", "")
    # Of a number with more digits than any size has, the first ones say enough.
    return declared.isdecimal() and int(declared[:20]) > limit_bytes


def has_body(scope: Scope) -> bool:
    """Tell whether there may be a body: RFC 9112, 6.3 knows none without one of these headers."""
    return any(name in _SIGNS for name, _ in scope["headers"])


async def arrived(scope: Scope, receive: Receive, *, limit_bytes: int, seconds: float) -> Receive:
    """Wait for the body; return a `receive` that hands out what came, without waiting.

    A body that is too large is not read to its end, and one whose size says so not at all: to
    refuse it is left to whoever reads on.

    Args:
        scope: Of the request, which has a body.
        receive: Of the request.
        limit_bytes: Largest body that is waited for.
        seconds: How long. Whoever then asks for the rest gets DeadlineExceeded.
    """
    if declares_more(Headers(scope=scope), limit_bytes):
        return receive
    messages: deque[Message] = deque()
    try:
        async with asyncio.timeout(seconds):
            await _collect(receive, messages, limit_bytes)
    except TimeoutError:
        return _replay(messages, _too_late)
    return _replay(messages, receive)


async def _collect(receive: Receive, messages: deque[Message], limit_bytes: int) -> None:
    size = 0
    while size <= limit_bytes:
        message = await receive()
        messages.append(message)
        size += len(message.get("body", b""))
        if not message.get("more_body", False):
            return


def _replay(messages: deque[Message], then: Receive) -> Receive:
    async def replayed() -> Message:
        return messages.popleft() if messages else await then()

    return replayed


async def _too_late() -> Message:
    raise DeadlineExceeded
