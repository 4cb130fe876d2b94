"""The server of every app ends a request where all others on its way do."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.types import Receive, Scope, Send

from common.testing.serving import LOOPBACK, served

HIDDEN = "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"


class App:
    """Remembers what it is asked, and answers when the body has come."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.append(scope["path"])
        while (await receive()).get("more_body", False):
            pass
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})


@pytest.fixture
async def started() -> AsyncIterator[tuple[App, int]]:
    """An app behind the server that `serve` starts, and its port."""
    app = App()
    async with served(app) as port:
        yield app, port


async def exchange(port: int, request: str) -> bytes:
    """Send bytes and the end, and return all that comes."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    writer.write(request.encode())
    writer.write_eof()
    answer = await asyncio.wait_for(reader.read(), timeout=10)
    writer.close()
    return answer


@pytest.mark.requirement("ASVS 4.2.1")
@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: 38\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 38\r\n",
        "Content-Length: 5\r\nContent-Length: 38\r\n",
        "Content-Length: 5, 38\r\n",
        "Content-Length: +5\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
    ],
)
async def test_what_can_be_read_in_two_ways_is_refused(
    started: tuple[App, int], framing: str
) -> None:
    app, port = started
    answer = await exchange(
        port, f"POST /first HTTP/1.1\r\nHost: x\r\n{framing}\r\n0\r\n\r\n{HIDDEN}"
    )
    assert "/hidden" not in app.asked
    assert answer.startswith(b"HTTP/1.1 400 ")


async def test_what_can_be_read_in_one_way_is_answered(started: tuple[App, int]) -> None:
    app, port = started
    head = "POST /first HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\n"
    assert (await exchange(port, f"{head}hello")).startswith(b"HTTP/1.1 204 ")
    assert app.asked == ["/first"]
