"""The spans of requests and of calls to peers."""

from collections.abc import AsyncIterator

import httpx
import pytest
import respx
from fastapi import FastAPI

from common.settings import TraceSettings
from common.telemetry import open_telemetry
from common.testing.apps import client_of
from common.testing.otlp import ReceivedSpan, Receiver
from common.trace import SpanKind, span

TRACE = "0af7651916cd43dd8448eb211c80319c"
HEADERS = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}


@pytest.fixture
async def traced(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the app that comes with a trace."""
    async with client_of(app, headers=HEADERS) as client:
        yield client


async def ask(client: httpx.AsyncClient, receiver: Receiver, path: str) -> list[ReceivedSpan]:
    """Send one request and return the spans it made."""
    async with open_telemetry(TraceSettings(otlp_endpoint=receiver.url), "echo", "app"):
        await client.get(path)
    return receiver.spans()


async def test_a_request_is_a_span_named_after_its_route(
    traced: httpx.AsyncClient, receiver: Receiver
) -> None:
    [found] = await ask(traced, receiver, "/api/v1/notes/5?token=hunter2")
    assert (found.name, found.kind) == ("GET /api/v1/notes/{number}", "SERVER")
    assert (found.trace_id, found.parent_id) == (TRACE, "b7ad6b7169203331")
    assert found.attributes == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "http.route": "/api/v1/notes/{number}",
        "url.path": "/api/v1/notes/5",
        "url.scheme": "http",
    }
    assert found.failure is None


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/api/v1/nothing", (404, None, ())),
        ("/api/v1/failures?kind=conflict", (409, None, ())),
        ("/api/v1/failures?kind=bug", (500, "answered 500", ("RuntimeError",))),
        ("/api/v1/failures?kind=slow", (503, "answered 503", ("TimeoutError",))),
    ],
)
async def test_a_server_that_fails_is_to_blame_and_a_caller_is_not(
    traced: httpx.AsyncClient, receiver: Receiver, path: str, told: tuple[object, ...]
) -> None:
    [found] = await ask(traced, receiver, path)
    status = found.attributes["http.response.status_code"]
    assert (status, found.failure, found.exceptions) == told


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/internal/jwks"])
async def test_probes_and_scrapes_are_no_spans(
    traced: httpx.AsyncClient, receiver: Receiver, path: str
) -> None:
    assert await ask(traced, receiver, path) == []


async def test_a_call_to_a_peer_is_a_span_which_the_peer_continues(
    app: FastAPI, receiver: Receiver, respx_mock: respx.MockRouter
) -> None:
    peer = app.state.resources.platform.peers["other"]
    url = app.state.resources.platform.settings.peers["other"].url
    route = respx_mock.get(f"{url}/internal/x").mock(
        side_effect=[httpx.Response(503), httpx.Response(200, json=1)]
    )
    async with open_telemetry(TraceSettings(otlp_endpoint=receiver.url), "echo", "app"):
        with span("request", SpanKind.SERVER, HEADERS):
            await peer.get("/internal/x", params={"secret": "hunter2"})
    first, second, request = receiver.spans(TRACE)
    for attempt, call in zip((first, second), route.calls, strict=True):
        assert (attempt.name, attempt.kind) == ("GET other", "CLIENT")
        assert attempt.parent_id == request.span_id
        assert call.request.headers["traceparent"] == f"{attempt.traceparent}-01"
        assert attempt.attributes["url.full"] == f"{url}/internal/x"
    assert (first.attributes["http.response.status_code"], first.exceptions) == (
        503,
        ("common.http.client._Passing",),
    )
    assert (second.attributes["http.response.status_code"], second.failure) == (200, None)
