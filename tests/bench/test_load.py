"""The client that makes the load: it counts what was answered, and refuses to measure errors."""

import pytest

from bench.routes.load import NUMBERED, Job, UnexpectedAnswer, measure
from bench.routes.requests import Request
from bench.routes.wrk import script_of
from tests.bench.servers import BUSY, OK, server


def job(port: int, *requests: Request, status: int = 200) -> Job:
    texts = [request.encode().decode("latin-1") for request in requests]
    return Job(port, status, texts, connections=4, count=100)


async def test_requests_go_out_in_turns_until_enough_are_answered() -> None:
    seen: list[bytes] = []

    def answering(request: bytes) -> tuple[bytes, ...]:
        seen.append(request.split()[1])
        return (OK,)

    async with server(answering) as port:
        measured = await measure(job(port, Request("/one"), Request("/two")))
    assert measured.answered == 100
    assert seen[:4].count(b"/one") == seen[:4].count(b"/two") == 2
    assert 0 < measured.p50 <= measured.p99


async def test_an_answer_may_come_in_pieces() -> None:
    async with server(lambda _: (OK[:5], OK[5:30], OK[30:])) as port:
        measured = await measure(job(port, Request("/")))
    assert measured.answered == 100


async def test_not_modified_has_no_body_to_wait_for() -> None:
    async with server(lambda _: (b"HTTP/1.1 304 Not Modified\r\n\r\n",)) as port:
        measured = await measure(job(port, Request("/"), status=304))
    assert measured.answered == 100


async def test_each_request_carries_its_own_number() -> None:
    seen: list[bytes] = []

    def answering(request: bytes) -> tuple[bytes, ...]:
        seen.append(request.split()[1])
        return (OK,)

    async with server(answering) as port:
        await measure(job(port, Request(f"/{NUMBERED}")))
    assert len(set(seen)) == len(seen)
    assert b"/00000001" in seen


@pytest.mark.parametrize(
    "answer",
    [
        BUSY,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
async def test_an_unexpected_answer_ends_it(answer: bytes) -> None:
    async with server(lambda _: (answer,)) as port:
        with pytest.raises(UnexpectedAnswer, match=answer[9:12].decode()):
            await measure(job(port, Request("/")))


async def test_a_server_that_closes_a_connection_ends_it() -> None:
    async with server(lambda _: ()) as port:
        with pytest.raises(UnexpectedAnswer, match="closed a connection"):
            await measure(job(port, Request("/")))


def test_the_script_for_wrk_has_every_request_as_it_is() -> None:
    request = Request("/", {"X-Odd": '"\\'}, f'{{"title": "{NUMBERED}"}}')
    script = script_of(job(1, request), first=7)
    escaped = "".join(f"\\{byte:03}" for byte in request.encode())
    assert f'"{escaped}"' in script
    assert "local sent = 7" in script
    assert 'string.format("%08d", sent)' in script
