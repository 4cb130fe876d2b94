"""A body is there before its request is begun. Nothing here waits for time."""

import asyncio
from collections.abc import Iterable

import pytest
from starlette.types import Message, Receive, Scope

from common.deadline import DeadlineExceeded
from common.http.arrival import arrived, has_body

LIMIT = 10
FOR_EVER = 1000.0


class Client:
    """Sends the parts of a body when it is asked, and then nothing more for ever."""

    def __init__(self, parts: Iterable[bytes], *, complete: bool = True) -> None:
        self._parts = list(parts)
        self._complete = complete
        self.asked = 0

    async def __call__(self) -> Message:
        self.asked += 1
        if not self._parts:
            await asyncio.Event().wait()
        part = self._parts.pop(0)
        more = bool(self._parts) or not self._complete
        return {"type": "http.request", "body": part, "more_body": more}


def scope_of(**headers: str) -> Scope:
    pairs = [(n.replace("_", "-").encode(), v.encode()) for n, v in headers.items()]
    return {"type": "http", "headers": pairs}


async def read(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message["body"]
    return body + await read(receive) if message["more_body"] else body


@pytest.mark.parametrize("headers", [{"content_length": "6"}, {"transfer_encoding": "chunked"}])
async def test_a_body_is_waited_for_and_handed_on(headers: dict[str, str]) -> None:
    client = Client([b"abc", b"def"])
    receive = await arrived(scope_of(**headers), client, limit_bytes=LIMIT, seconds=FOR_EVER)
    assert client.asked == 2
    assert await read(receive) == b"abcdef"
    assert client.asked == 2, "what came is not asked for again"


@pytest.mark.parametrize("length", ["11", "9" * 5000])
async def test_who_announces_too_much_is_not_waited_for(length: str) -> None:
    client, scope = Client([]), scope_of(content_length=length)
    assert await arrived(scope, client, limit_bytes=LIMIT, seconds=0) is client
    assert client.asked == 0


def test_a_request_says_that_it_has_a_body() -> None:
    assert not has_body(scope_of(host="x", content_type="text/plain"))
    assert has_body(scope_of(content_length="0"))
    assert has_body(scope_of(transfer_encoding="chunked"))


async def test_a_body_that_turns_out_too_large_is_not_read_to_its_end() -> None:
    client = Client([b"x" * LIMIT, b"y", b"z"])
    scope = scope_of(transfer_encoding="chunked")
    receive = await arrived(scope, client, limit_bytes=LIMIT, seconds=FOR_EVER)
    assert client.asked == 2
    assert await read(receive) == b"x" * LIMIT + b"yz", "the reader decides about the rest"


async def test_whoever_asks_for_the_rest_of_a_late_body_learns_that_it_is_late() -> None:
    client = Client([b"abc"], complete=False)
    scope = scope_of(content_length="6")
    receive = await arrived(scope, client, limit_bytes=LIMIT, seconds=0.01)
    assert (await receive())["body"] == b"abc"
    with pytest.raises(DeadlineExceeded):
        await receive()


async def test_who_left_is_reported_as_such() -> None:
    async def left() -> Message:
        return {"type": "http.disconnect"}

    scope = scope_of(content_length="6")
    receive = await arrived(scope, left, limit_bytes=LIMIT, seconds=FOR_EVER)
    assert [(await receive())["type"] for _ in range(2)] == ["http.disconnect"] * 2
