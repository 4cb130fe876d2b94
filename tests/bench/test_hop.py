"""What a hop costs: two servers are asked for the same in turns."""

import asyncio

import pytest

from bench.routes.hop import HopJob, measure
from bench.routes.load import UnexpectedAnswer
from bench.routes.requests import Request
from tests.bench.servers import BUSY, OK, server

REQUESTS = [Request(path).encode().decode("latin-1") for path in ("/one", "/two")]


async def test_both_are_asked_for_the_same_in_turns() -> None:
    seen: list[tuple[str, bytes]] = []

    def noting(name: str, request: bytes) -> tuple[bytes, ...]:
        seen.append((name, request.split()[1]))
        return (OK[:10], OK[10:])

    async with (
        server(lambda request: noting("gateway", request)) as gateway,
        server(lambda request: noting("direct", request)) as direct,
    ):
        hop = await asyncio.to_thread(measure, HopJob((gateway, direct), REQUESTS, 0.1))
    assert seen[:4] == [
        ("gateway", b"/one"),
        ("direct", b"/one"),
        ("gateway", b"/two"),
        ("direct", b"/two"),
    ]
    assert hop.gateway > 0
    assert hop.direct > 0


@pytest.mark.parametrize("answer", [(BUSY,), ()])
async def test_an_unexpected_answer_ends_it(answer: tuple[bytes, ...]) -> None:
    async with server(lambda _: (OK,)) as gateway, server(lambda _: answer) as direct:
        with pytest.raises(UnexpectedAnswer, match=r"busy|closed"):
            await asyncio.to_thread(measure, HopJob((gateway, direct), REQUESTS, 0))
