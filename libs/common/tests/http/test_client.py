"""Calls to peers carry who calls and the trace, give up in time, and never make an outage worse."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
import respx

from common.deadline import within
from common.http.client import PeerClient, PeerRefused, PeerUnavailable, open_client
from common.testing.keys import private_pem, public_pem
from common.tokens import InternalTokens
from common.trace import bind

URL = "http://other.internal"


@pytest_asyncio.fixture
async def peer() -> AsyncIterator[PeerClient]:
    tokens = InternalTokens("echo", private_pem("echo"), {})
    async with open_client(URL) as client:
        yield PeerClient("other", client, tokens)


async def test_a_call_says_who_calls_and_why(
    peer: PeerClient, respx_mock: respx.MockRouter
) -> None:
    route = respx_mock.get(f"{URL}/internal/x", params={"a": "1"}).respond(json={"ok": True})
    with bind({"X-Request-ID": "abc"}):
        assert await peer.get("/internal/x", params={"a": 1, "b": None}) == {"ok": True}
    headers = route.calls.last.request.headers
    callee = InternalTokens("other", private_pem("other"), {"echo": public_pem("echo")})
    assert callee.verify(headers["authorization"].removeprefix("Bearer ")) == "echo"
    assert headers["x-request-id"] == "abc"
    assert "traceparent" in headers
    assert 0 < int(headers["x-request-deadline"]) <= 3000


async def test_an_empty_answer_is_none(peer: PeerClient, respx_mock: respx.MockRouter) -> None:
    respx_mock.put(f"{URL}/x").respond(204)
    assert await peer.request("PUT", "/x", json={}) is None


async def test_a_refusal_carries_the_problem(
    peer: PeerClient, respx_mock: respx.MockRouter
) -> None:
    problem = {"code": "other.thing_not_found", "detail": "No such thing."}
    route = respx_mock.get(f"{URL}/x").respond(404, json=problem)
    for _ in range(10):
        with pytest.raises(PeerRefused) as caught:
            await peer.get("/x")
    assert (caught.value.status, caught.value.code) == (404, "other.thing_not_found")
    assert route.call_count == 10, "a refusal is neither retried nor a reason to stop calling"


@pytest.mark.parametrize("failure", [503, 502, 504, httpx.ConnectError("no")])
async def test_what_may_pass_is_tried_again(
    peer: PeerClient, respx_mock: respx.MockRouter, failure: int | Exception
) -> None:
    first = failure if isinstance(failure, Exception) else httpx.Response(failure)
    respx_mock.get(f"{URL}/x").mock(side_effect=[first, httpx.Response(200, json=1)])
    assert await peer.get("/x") == 1


@pytest.mark.parametrize(("method", "status"), [("POST", 503), ("GET", 500), ("GET", 429)])
async def test_what_may_have_happened_is_not_tried_again(
    peer: PeerClient, respx_mock: respx.MockRouter, method: str, status: int
) -> None:
    route = respx_mock.route(method=method, url=f"{URL}/x").respond(status)
    with pytest.raises(PeerUnavailable):
        await peer.request(method, "/x")
    assert route.call_count == 1


async def test_an_outage_opens_the_breaker_and_spends_the_budget(
    peer: PeerClient, respx_mock: respx.MockRouter
) -> None:
    route = respx_mock.get(f"{URL}/x").respond(503)
    for _ in range(20):
        with pytest.raises(PeerUnavailable):
            await peer.get("/x")
    assert route.call_count == 5


async def test_a_breaker_closes_again_when_the_peer_is_back(
    peer: PeerClient, respx_mock: respx.MockRouter
) -> None:
    respx_mock.get(f"{URL}/x").respond(503)
    for _ in range(3):
        with pytest.raises(PeerUnavailable):
            await peer.get("/x")
    respx_mock.get(f"{URL}/x").respond(json=1)
    await asyncio.sleep(2.1)
    assert await peer.get("/x") == 1


async def test_a_call_ends_with_the_deadline_of_its_request(
    peer: PeerClient, respx_mock: respx.MockRouter
) -> None:
    told: list[str] = []

    async def hang(request: httpx.Request) -> httpx.Response:
        told.append(request.headers["x-request-deadline"])
        await asyncio.sleep(30)
        return httpx.Response(200)

    respx_mock.get(f"{URL}/x").mock(side_effect=hang)
    async with asyncio.timeout(2):
        with within(0.05), pytest.raises(PeerUnavailable):
            await peer.get("/x", timeout_seconds=25)
    assert int(told[0]) <= 50


async def test_an_answer_that_is_no_json_is_an_outage(
    peer: PeerClient, respx_mock: respx.MockRouter
) -> None:
    respx_mock.get(f"{URL}/x").respond(200, text="<html>")
    with pytest.raises(PeerUnavailable):
        await peer.get("/x")
