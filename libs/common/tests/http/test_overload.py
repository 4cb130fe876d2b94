"""What an app does with more requests than it may answer at a time. Nothing here waits for time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from itertools import pairwise
from typing import Any, Protocol

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from prometheus_client import REGISTRY
from starlette.types import Receive, Scope, Send

from common.http import admission
from common.http.app import build_app
from common.http.overload import OverloadGuard, Refusal
from common.settings import HttpSettings, ServiceSettings
from common.testing.apps import client_of
from common.testing.conformance import assert_problem

FOR_EVER = 1000.0


class App:
    """Answers when it is told to, and counts what it was asked."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.asked: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.append(scope["path"])
        if scope["path"] == "/crash":
            raise RuntimeError
        if scope["path"] == "/gone":
            raise OSError("the client left")
        start = {"type": "http.response.start", "status": 200, "headers": []}
        if scope["path"] == "/stream":
            await send(start)
        if scope["path"] != "/quick":
            await self.gate.wait()
        if scope["path"] != "/stream":
            await send(start)
        await send({"type": "http.response.body", "body": b"done"})


class Bench:
    """An app of one slot behind its guard, and a client of it."""

    def __init__(self, client: httpx.AsyncClient, app: App) -> None:
        self.client = client
        self.app = app
        self.gate = app.gate
        self._sent: list[asyncio.Task[httpx.Response]] = []

    async def send(self, path: str, **headers: str) -> "asyncio.Task[httpx.Response]":
        """Send a request and return when it is being answered, waits, or is refused."""
        task = asyncio.create_task(self.client.get(path, headers=headers))
        for _ in range(20):
            await asyncio.sleep(0)
        return task


class Start(Protocol):
    def __call__(self, patience: float, *, limit: int = 1) -> Bench: ...


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start a bench on which requests wait for so many seconds."""
    clients = []

    def started(patience: float, *, limit: int = 1) -> Bench:
        settings = HttpSettings(
            concurrency_limit=limit,
            queue_seconds=patience,
            body_limit_bytes=100,
            request_timeout_seconds=0.01,
        )
        app = App()
        refusal = Refusal({"X-Content-Type-Options": "nosniff"})
        guard = OverloadGuard(app, settings=settings, refusal=refusal)
        transport = httpx.ASGITransport(guard)
        client = httpx.AsyncClient(transport=transport, base_url="http://localhost")
        clients.append(client)
        return Bench(client, app)

    yield started
    for client in clients:
        await client.aclose()


async def test_who_waits_is_answered_when_a_slot_is_free(start: Start) -> None:
    bench = start(FOR_EVER)
    first, second = await bench.send("/first"), await bench.send("/second")
    assert bench.app.asked == ["/first"]
    bench.gate.set()
    assert [(await task).status_code for task in (first, second)] == [200, 200]
    assert bench.app.asked == ["/first", "/second"]


async def test_who_waits_for_too_long_is_refused_and_nothing_is_begun(start: Start) -> None:
    bench = start(0.0)
    first = await bench.send("/first")
    refused = await bench.client.get("/second", headers={"X-Request-ID": "from-the-client"})
    assert assert_problem(refused, 503)["code"] == "common.overloaded"
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["x-request-id"] == "from-the-client"
    assert refused.headers["x-content-type-options"] == "nosniff"
    assert int(refused.headers["content-length"]) == len(refused.content)
    bench.gate.set()
    assert (await first).status_code == 200
    assert bench.app.asked == ["/first"]


@pytest.mark.parametrize("received", ["", "a b", '"', "x" * 200])
async def test_a_refusal_repeats_no_malformed_request_id(start: Start, received: str) -> None:
    bench = start(0.0)
    await bench.send("/first")
    refused = await bench.client.get("/second", headers={"X-Request-ID": received})
    assert len(assert_problem(refused, 503)["request_id"]) == 36
    bench.gate.set()


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/metrics", "/internal/events", "/problem/503"]
)
async def test_what_keeps_the_platform_alive_holds_no_slot_and_waits_for_none(
    start: Start, path: str
) -> None:
    bench = start(0.0)
    first = await bench.send("/first")
    polls = [await bench.send(path) for _ in range(3)]
    assert bench.app.asked == ["/first", path, path, path]
    bench.gate.set()
    assert [(await task).status_code for task in (first, *polls)] == [200] * 4


@pytest.mark.parametrize("path", ["/internals", "/api/v1/internal/", "/healthz/x", "/"])
async def test_what_only_looks_like_it_is_limited(start: Start, path: str) -> None:
    bench = start(0.0)
    await bench.send("/first")
    assert (await bench.client.get(path)).status_code == 503
    bench.gate.set()


async def test_an_answer_that_has_begun_holds_no_slot(start: Start) -> None:
    bench = start(0.0)
    stream = await bench.send("/stream")
    assert (await bench.client.get("/quick")).status_code == 200
    bench.gate.set()
    assert (await stream).content == b"done"


async def test_a_crash_gives_its_slot_back(start: Start) -> None:
    bench = start(0.0)
    for _ in range(3):
        with pytest.raises(RuntimeError):
            await bench.client.get("/crash")
        await asyncio.sleep(0)
    assert (await bench.client.get("/quick")).status_code == 200


@pytest.mark.parametrize("settled", [False, True])
async def test_a_cancelled_request_leaves_no_slot_behind(start: Start, *, settled: bool) -> None:
    bench = start(FOR_EVER)
    first, second = await bench.send("/first"), await bench.send("/second")
    if settled:
        bench.gate.set()
        await first
        # Its slot is given to the second, which does not know it yet.
        await until(lambda: figure("http_requests_queued") == 0)
    second.cancel()
    bench.gate.set()
    await asyncio.gather(first, second, return_exceptions=True)
    assert (await bench.client.get("/quick")).status_code == 200
    await asyncio.sleep(0)
    assert (figure("http_requests_in_progress"), figure("http_requests_queued")) == (0, 0)


async def test_when_time_is_up_the_next_request_begins_in_another_turn_of_the_loop(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "TURN_SECONDS", 0.0)
    bench = start(FOR_EVER, limit=8)
    tasks = [asyncio.create_task(bench.client.get("/quick")) for _ in range(20)]
    turns = [0]
    while not all(task.done() for task in tasks):
        await asyncio.sleep(0)
        turns.append(len(bench.app.asked))
    started = [after - before for before, after in pairwise(turns) if after > before]
    assert started == [8, 4, 2, *[1] * 6]


async def test_all_slots_are_used(start: Start) -> None:
    bench = start(FOR_EVER, limit=3)
    tasks = [await bench.send(f"/{number}") for number in range(5)]
    assert bench.app.asked == ["/0", "/1", "/2"]
    assert (figure("http_requests_in_progress"), figure("http_requests_queued")) == (3, 2)
    bench.gate.set()
    assert [(await task).status_code for task in tasks] == [200] * 5


async def test_sixty_four_at_once_are_served_whole(start: Start) -> None:
    defaults = HttpSettings.model_fields
    bench = start(FOR_EVER, limit=defaults["concurrency_limit"].default)
    tasks = [await bench.send(f"/{number}") for number in range(64)]
    waiting = defaults["queue_limit"].default
    assert (figure("http_requests_in_progress"), figure("http_requests_queued")) == (20, waiting)
    bench.gate.set()
    assert {(await task).status_code for task in tasks} == {200}
    assert bench.app.asked == [f"/{number}" for number in range(64)], "in the order of arrival"


async def test_metrics_tell_of_slots_queue_and_refusals(start: Start) -> None:
    before = {
        name: figure(name) for name in ("http_requests_refused_total", "http_queue_seconds_count")
    }
    bench = start(FOR_EVER)
    first, second = await bench.send("/first"), await bench.send("/second")
    assert (figure("http_requests_in_progress"), figure("http_requests_queued")) == (1, 1)
    bench.gate.set()
    await asyncio.gather(first, second)
    assert figure("http_queue_seconds_count") == before["http_queue_seconds_count"] + 1
    other = start(0.0)
    await other.send("/first")
    await other.client.get("/second")
    other.gate.set()
    assert figure("http_requests_refused_total") == before["http_requests_refused_total"] + 1


async def test_a_body_that_is_on_its_way_takes_no_slot(start: Start) -> None:
    bench = start(0.0)
    rest = asyncio.Event()

    async def sent() -> AsyncIterator[bytes]:
        yield b"{"
        await rest.wait()
        yield b"}"

    slow = asyncio.create_task(bench.client.post("/quick", content=sent()))
    for _ in range(20):
        await asyncio.sleep(0)
    assert bench.app.asked == []
    assert (await bench.client.get("/quick")).status_code == 200
    rest.set()
    assert (await slow).status_code == 200


async def test_who_left_while_waiting_gives_the_slot_back(start: Start) -> None:
    bench = start(FOR_EVER)
    first, second = await bench.send("/first"), await bench.send("/gone")
    bench.gate.set()
    assert (await first).status_code == 200
    with pytest.raises(OSError, match="left"):
        await second
    assert (await bench.client.get("/quick")).status_code == 200


async def test_a_browser_sees_a_refusal_and_is_never_refused_the_question(
    settings: ServiceSettings,
) -> None:
    gate = asyncio.Event()
    app = hanging(settings, gate, concurrency_limit=1, queue_seconds=0)
    async with client_of(app, headers={"Origin": "https://app.example"}) as browser:
        first = asyncio.create_task(browser.get("/hang"))
        await until(lambda: figure("http_requests_in_progress") == 1)
        refused = await browser.get("/hang")
        asked = await browser.options("/hang", headers={"Access-Control-Request-Method": "GET"})
        gate.set()
        await first
    assert_problem(refused, 503)
    assert refused.headers["access-control-allow-origin"] == "https://app.example"
    assert "Retry-After" in refused.headers["access-control-expose-headers"]
    assert asked.status_code == 200


async def test_what_hangs_ends_by_its_deadline_and_gives_its_slot_back(
    settings: ServiceSettings,
) -> None:
    limits = {"concurrency_limit": 1, "queue_seconds": 0, "request_timeout_seconds": 0.1}
    app = hanging(settings, asyncio.Event(), **limits)
    async with client_of(app) as client:
        first = asyncio.create_task(client.get("/hang"))
        await until(lambda: figure("http_requests_in_progress") == 1)
        refused = await client.get("/hang")
        assert assert_problem(refused, 503)["code"] == "common.overloaded"
        assert assert_problem(await first, 503)["code"] == "common.deadline_exceeded"
        last = await client.get("/hang")
        assert assert_problem(last, 503)["code"] == "common.deadline_exceeded"


def hanging(settings: ServiceSettings, gate: asyncio.Event, **limits: float) -> FastAPI:
    """An app whose one route answers when the gate is opened."""
    router = APIRouter()

    @router.get("/hang")
    async def hang() -> None:
        await gate.wait()

    return build_app(
        service="echo",
        settings=settings.model_copy(update=limits),
        open_resources=opened_never,
        routers=[router],
    )


def opened_never(_settings: ServiceSettings) -> AbstractAsyncContextManager[Any]:
    pytest.fail("the app is not started")


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until the condition holds, which must be soon."""
    for _ in range(100):
        if condition():
            return
        await asyncio.sleep(0)
    pytest.fail("the condition never held")


def figure(name: str, **labels: Any) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0
