"""More than can be answered soon is refused at once, so that the rest is answered soon.

Pure ASGI and outermost: a refusal costs no trace, no token, no line of the log, no connection.
What keeps the platform alive is never held up: probes, metrics, error pages, calls of services.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

import structlog
from prometheus_client import Counter, Gauge, Histogram
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.errors import Unavailable
from common.http.admission import Admission
from common.http.arrival import arrived, has_body
from common.http.metrics import observe
from common.http.problem import MEDIA_TYPE, Problem
from common.settings import HttpSettings
from common.trace import REQUEST_ID, make_request_id

# A long poll of a consumer lasts for 20 s, and a probe that waits reports a death.
_EXEMPT: Final = ("/internal/", "/problem/")
_PROBES: Final = {"/healthz", "/readyz", "/metrics"}
# How often the queue is looked at while nobody comes and nobody is done.
_TICK_SECONDS: Final = 0.005
_LOG_SECONDS: Final = 1.0
_PLACE: Final = "\0"
_REQUEST_ID: Final = REQUEST_ID.lower().encode()

IN_PROGRESS = Gauge("http_requests_in_progress", "Requests that hold a slot.")
QUEUED = Gauge("http_requests_queued", "Requests that wait for a slot.")
REFUSED = Counter("http_requests_refused_total", "Requests refused because of overload.")
QUEUE_SECONDS = Histogram(
    "http_queue_seconds",
    "What requests waited for a slot, if they had to, and got one.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)

log = structlog.get_logger()


class Overloaded(Unavailable):
    code = "common.overloaded"
    message = "There is more to do than can be done in time; this was not begun."


class OverloadGuard:
    """Lets so many requests run at a time; others wait for a moment and are refused then.

    Args:
        app: What is guarded.
        settings: How many, and for how long.
        refusal: What answers whoever is refused.
    """

    def __init__(self, app: ASGIApp, *, settings: HttpSettings, refusal: ASGIApp) -> None:
        self._app = app
        self._body_limit = settings.body_limit_bytes
        self._body_seconds = settings.request_timeout_seconds
        self._refusal = refusal
        self._admission: Admission[asyncio.Future[bool]] = Admission(
            limit=settings.concurrency_limit,
            queue_limit=settings.queue_limit,
            queue_seconds=settings.queue_seconds,
        )
        self._settling = False
        self._timer: asyncio.TimerHandle | None = None
        self._refused = _Refused()
        IN_PROGRESS.set_function(lambda: self._admission.in_flight)
        QUEUED.set_function(lambda: self._admission.waiting)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_exempt(scope["path"]):
            await self._app(scope, receive, send)
            return
        if has_body(scope):
            receive = await arrived(
                scope, receive, limit_bytes=self._body_limit, seconds=self._body_seconds
            )
        since = time.monotonic()
        if self._admission.enter(now=since):
            self._settle_soon()
            await self._run(scope, receive, send)
        elif await self._admitted(since):
            QUEUE_SECONDS.observe(time.monotonic() - since)
            await self._run(scope, receive, send)
        else:
            self._refused.account(scope, time.monotonic() - since)
            await self._refusal(scope, receive, send)

    async def _admitted(self, since: float) -> bool:
        """Wait for a slot; False when that took too long."""
        ticket: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._admission.wait(ticket, now=since)
        self._watch()
        try:
            return await ticket
        except asyncio.CancelledError:
            if not ticket.cancelled() and ticket.result():
                self._leave()
            raise

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        holding = True

        def release() -> None:
            nonlocal holding
            if holding:
                holding = False
                self._leave()

        async def send_and_release(message: Message) -> None:
            # An answer that has begun costs little more, and a stream may last for hours.
            release()
            await send(message)

        try:
            await self._app(scope, receive, send_and_release)
        finally:
            release()

    def _leave(self) -> None:
        self._admission.leave()
        if self._admission.waiting:
            self._settle_soon()

    def _settle_soon(self) -> None:
        """Look in the next turn of the loop who may begin."""
        if not self._settling:
            self._settling = True
            asyncio.get_running_loop().call_soon(self._settle)

    def _settle(self) -> None:
        self._settling = False
        admitted, refused = self._admission.settle(now=time.monotonic())
        if admitted:
            self._settle_soon()
        for ticket in admitted:
            if ticket.cancelled():
                self._leave()
            else:
                ticket.set_result(True)
        for ticket in refused:
            if not ticket.cancelled():
                ticket.set_result(False)

    def _watch(self) -> None:
        """Look again after a tick, for as long as somebody waits."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_TICK_SECONDS, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._settle_soon()
        if self._admission.waiting:
            self._watch()


class _Refused:
    """Counts each refusal, but logs them once a second: lines would be the next overload."""

    def __init__(self) -> None:
        self._logged_at = 0.0
        self._unlogged = 0

    def account(self, scope: Scope, seconds: float) -> None:
        REFUSED.inc()
        observe(scope, 503, seconds)
        self._unlogged += 1
        now = time.monotonic()
        if now - self._logged_at >= _LOG_SECONDS:
            log.warning("requests_refused", count=self._unlogged)
            self._logged_at, self._unlogged = now, 0


class Refusal:
    """The answer to whoever is refused, made up as far as possible before there is no time.

    Args:
        security_headers: As on every other answer.
        cors: Arguments of CORSMiddleware, where browsers call: without its headers they show their
            pages no refusal, and their questions beforehand are none that may be refused.
    """

    def __init__(
        self, security_headers: Mapping[str, str], cors: Mapping[str, Any] | None = None
    ) -> None:
        problem = Problem(
            type="about:blank",
            title="Service Unavailable",
            status=503,
            detail=Overloaded.message,
            code=Overloaded.code,
            errors=[],
            request_id=_PLACE,
        )
        self._before, self._after = problem.model_dump_json().encode().split(b"\\u0000")
        headers = {**security_headers, "Content-Type": MEDIA_TYPE, "Retry-After": "1"}
        self._headers = [(n.lower().encode(), v.encode("latin-1")) for n, v in headers.items()]
        self._to_browsers = CORSMiddleware(self._answer, **cors) if cors else self._answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._to_browsers(scope, receive, send)

    async def _answer(self, scope: Scope, _receive: Receive, send: Send) -> None:
        received = dict(scope["headers"]).get(_REQUEST_ID, b"")
        request_id = make_request_id(received.decode("latin-1")).encode()
        body = self._before + request_id + self._after
        own = [(_REQUEST_ID, request_id), (b"content-length", str(len(body)).encode())]
        start = {"type": "http.response.start", "status": 503, "headers": [*self._headers, *own]}
        await send(start)
        await send({"type": "http.response.body", "body": body})


def _is_exempt(path: str) -> bool:
    return path.startswith(_EXEMPT) or path in _PROBES
