"""What the guard costs a request that need not wait: with it minus without it, in this process."""

import asyncio
import time

import uvloop
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.http.overload import OverloadGuard, Refusal
from common.settings import HttpSettings

_REQUESTS = 50_000
_SCOPE: Scope = {"type": "http", "method": "GET", "path": "/api/v1/work", "headers": []}
_START: Message = {"type": "http.response.start", "status": 200, "headers": []}
_BODY: Message = {"type": "http.response.body", "body": b""}


def cost_microseconds() -> float:
    """Return what the guard adds to a request."""
    guard = OverloadGuard(_answer, settings=HttpSettings(), refusal=Refusal({}))
    bare, guarded = (uvloop.run(_seconds(app)) for app in (_answer, guard))
    return (guarded - bare) / _REQUESTS * 1e6


async def _seconds(app: ASGIApp) -> float:
    started = time.thread_time()
    for _ in range(_REQUESTS):
        await app(_SCOPE, _receive, _send)
        # Every request in a turn of its own: the guard then has the most to do.
        await asyncio.sleep(0)
    return time.thread_time() - started


async def _answer(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send(_START)
    await send(_BODY)


async def _receive() -> Message:
    raise NotImplementedError


async def _send(_message: Message) -> None:
    return
