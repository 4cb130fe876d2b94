"""The references answer as posts does, or to be faster than they are would say nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx
import pytest

from bench.machine import ROOT
from bench.references import limit, naive
from bench.routes import answers, data
from bench.routes.answers import Answer, AnswersDiffer, Ask
from bench.routes.data import Shape
from bench.routes.requests import Request, Requests
from bench.routes.writers import Writers
from common.testing.keys import SIGNING, mint_user_token, public_pem
from devstack.fixtures import ServiceDatabase

SHAPE: Final = Shape(authors=2_000, readers=5, followed=30, writers=5)
POSTS: Final = 1_000

type Message = MutableMapping[str, Any]


@pytest.fixture
async def connection(database: ServiceDatabase, client: httpx.AsyncClient) -> AsyncIterator[Any]:
    """A superuser's connection to the tables with all rows of a small benchmark."""
    opened = await asyncpg.connect(database.admin_url, server_settings={"search_path": "posts"})
    await data.load_people(opened, SHAPE)
    await data.load_posts(opened, SHAPE, 0, POSTS)
    await data.settle(opened)
    yield opened
    await opened.close()


@pytest.fixture
def requests() -> Requests:
    return Requests(
        SHAPE, lambda person, name: mint_user_token(person, username=name), POSTS, listed=3
    )


@pytest.fixture
async def rivals(
    database: ServiceDatabase, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[dict[str, Ask]]:
    """The references, running."""
    monkeypatch.setenv("BENCH_DATABASE_URL", database.app_url)
    monkeypatch.setenv("BENCH_PUBLIC_KEY", public_pem(SIGNING))
    async with (
        naive.app.router.lifespan_context(naive.app),
        living(limit.app),
        client_of(naive.app) as first,
        client_of(limit.app) as second,
    ):
        yield {"naive": asking(first), "limit": asking(second)}


@asynccontextmanager
async def living(app: Callable[..., Any]) -> AsyncIterator[None]:
    """Speak the lifespan protocol with a bare ASGI function."""
    loop = asyncio.get_running_loop()
    ending = loop.create_future()
    started = loop.create_future()
    first = True

    async def receive() -> Message:
        nonlocal first
        if first:
            first = False
            return {"type": "lifespan.startup"}
        await ending
        return {"type": "lifespan.shutdown"}

    async def send(message: Message) -> None:
        if not started.done():
            started.set_result(message)

    task = loop.create_task(app({"type": "lifespan"}, receive, send))
    await asyncio.wait((task, started), return_when=asyncio.FIRST_COMPLETED)
    yield
    ending.set_result(None)
    await task


def client_of(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")


def asking(client: httpx.AsyncClient) -> Ask:
    async def ask(request: Request) -> Answer:
        answer = await client.request(
            request.method, request.path, headers=request.all_headers, content=request.body or None
        )
        return Answer(answer.status_code, answer.headers, answer.content)

    return ask


async def test_the_references_answer_as_posts_does(
    connection: Any, client: httpx.AsyncClient, rivals: dict[str, Ask], requests: Requests
) -> None:
    writers = Writers(connection, SHAPE)
    await answers.check(asking(client), rivals, requests, writers.forget)
    await answers.learn_tags(asking(client), requests)
    assert len(requests.not_modified()) > 100
    assert await connection.fetchval("SELECT count(*) FROM posts") == POSTS


async def test_another_answer_ends_the_benchmark(
    connection: Any, client: httpx.AsyncClient, rivals: dict[str, Ask], requests: Requests
) -> None:
    async def wrong(request: Request) -> Answer:
        answer = await rivals["limit"](request)
        return replace(answer, body=answer.body.replace(b'"published"', b'"draft"'))

    writers = Writers(connection, SHAPE)
    with pytest.raises(AnswersDiffer, match="wrong does not answer GET"):
        await answers.check(asking(client), {"wrong": wrong}, requests, writers.forget)


@pytest.mark.parametrize("reference", ["naive", "limit"])
async def test_who_has_no_valid_token_is_refused(
    connection: Any, rivals: dict[str, Ask], requests: Requests, reference: str
) -> None:
    request = requests.post()[0]
    assert (await rivals[reference](request)).status == 200
    forged = {"Authorization": f"{request.headers['Authorization'][:-8]}AAAAAAAA"}
    for headers in (forged, {}):
        assert (await rivals[reference](replace(request, headers=headers))).status == 401


@pytest.mark.parametrize(
    "file", sorted((ROOT / "bench" / "references").glob("*.py")), ids=lambda path: path.stem
)
def test_a_reference_is_short(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) < 150
