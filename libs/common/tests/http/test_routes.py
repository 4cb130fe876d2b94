"""A hot route answers as FastAPI's own route does; only how it finds out differs."""

from datetime import datetime
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Cookie, Depends, FastAPI, Header, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field

from common.errors import Unauthenticated
from common.http.problem import install
from common.http.routes import HotRoute
from common.testing.apps import client_of


async def counted(request: Request) -> int:
    """A dependency of several: it is called once a request."""
    request.state.calls = getattr(request.state, "calls", 0) + 1
    return int(request.state.calls)


async def guarded(request: Request) -> None:
    if "x-stranger" in request.headers:
        raise Unauthenticated


async def paged(
    response: Response,
    before: Annotated[int, Depends(counted)],
    limit: Annotated[int, Query(ge=1, le=9)] = 5,
) -> dict[str, int]:
    response.headers["X-Limit"] = str(limit)
    return {"before": before, "limit": limit}


async def read_thing(  # noqa: PLR0917 — one parameter of each kind.
    number: int,
    response: Response,
    page: Annotated[dict[str, int], Depends(paged)],
    calls: Annotated[int, Depends(counted)],
    word: Annotated[str, Header()] = "none",
    crumb: Annotated[str, Cookie()] = "none",
) -> Response:
    body = {"number": number, "page": page, "calls": calls, "word": word, "crumb": crumb}
    return JSONResponse(body, headers=dict(response.headers))


async def read_plainly(
    number: Annotated[int, Path(ge=1)],
    word: Annotated[str | None, Query(max_length=3)] = None,
    at: datetime | None = None,
    flag: Annotated[bool, Query()] = False,  # noqa: FBT002 — as a query has it.
) -> Response:
    return JSONResponse([number, word, at and at.isoformat(), flag])


class Thing(BaseModel):
    name: str = Field(max_length=3)
    sizes: list[int] = []


async def write_thing(
    body: Thing, page: Annotated[dict[str, int], Depends(paged)], word: str = "none"
) -> Response:
    return JSONResponse({"body": body.model_dump(), "page": page, "word": word})


async def write_two(one: Thing, other: Thing) -> Response:
    return JSONResponse([one.name, other.name])


def synchronous() -> str:
    return "in a thread"


async def read_slowly(found: Annotated[str, Depends(synchronous)]) -> Response:
    return JSONResponse({"found": found})


async def read_model() -> dict[str, int]:
    return {"a": 1}


def make(route_class: type[APIRoute]) -> FastAPI:
    router = APIRouter(route_class=route_class, dependencies=[Depends(guarded)])
    router.get("/things/{number}")(read_thing)
    router.get("/plain/{number}")(read_plainly)
    router.post("/things")(write_thing)
    router.post("/two")(write_two)
    router.get("/slow")(read_slowly)
    router.get("/model")(read_model)
    app = FastAPI()
    install(app)
    app.include_router(router)
    return app


CASES: list[tuple[str, dict[str, Any]]] = [
    ("/things/1", {}),
    ("/things/1?limit=9", {"headers": {"Word": "yes", "Cookie": "crumb=b"}}),
    ("/things/one?limit=10", {}),
    ("/things/1?limit=10", {}),
    ("/things/one", {}),
    ("/things/one?limit=10", {"headers": {"X-Stranger": "1"}}),
    ("/things/1", {"headers": {"X-Stranger": "1"}}),
    ("/plain/1", {}),
    ("/plain/1?word=a&word=b&at=2026-01-01T00:00:00Z&flag=yes", {}),
    ("/plain/0", {}),
    ("/plain/1?word=toolong&flag=perhaps", {}),
    ("/plain/1?word=", {}),
    ("/slow", {}),
    ("/slow", {"headers": {"X-Stranger": "1"}}),
    ("/model", {}),
]


JSON = {"Content-Type": "application/json"}
BODIES: list[tuple[str, dict[str, Any]]] = [
    ("/things", {"json": {"name": "a", "sizes": [1, "2"]}}),
    ("/things?limit=3&word=w", {"json": {"name": "a"}}),
    ("/things?limit=10", {"json": {"name": "long", "sizes": "x"}}),
    ("/things?limit=10", {"json": {"name": "a"}}),
    ("/things", {"json": []}),
    ("/things", {"json": None}),
    ("/things", {}),
    ("/things", {"content": b"", "headers": JSON}),
    ("/things", {"content": b"{", "headers": JSON}),
    ("/things", {"content": b'{"name": "a"}'}),
    ("/things", {"content": b'{"name": "a"}', "headers": {"Content-Type": "text/plain"}}),
    ("/things", {"content": b'{"name": "a"}', "headers": {"Content-Type": "text/json"}}),
    (
        "/things",
        {
            "content": b'{"name": "a"}',
            "headers": {"Content-Type": "Application/Merge-Patch+JSON; charset=utf-8"},
        },
    ),
    ("/things", {"json": {"name": 3}, "headers": {"X-Stranger": "1"}}),
    ("/two", {"json": {"one": {"name": "a"}, "other": {"name": "b"}}}),
    ("/two", {"json": {"name": "a"}}),
]


@pytest.mark.parametrize(
    ("method", "path", "options"),
    [("GET", *case) for case in CASES] + [("POST", *case) for case in BODIES],
)
async def test_it_answers_as_any_other_route(
    method: str, path: str, options: dict[str, Any]
) -> None:
    answers: list[httpx.Response] = []
    for route_class in (APIRoute, HotRoute):
        async with client_of(make(route_class)) as client:
            answers.append(await client.request(method, path, **options))
    plain, hot = answers
    assert (hot.status_code, hot.content) == (plain.status_code, plain.content)
    assert hot.headers == plain.headers


async def test_only_what_needs_nothing_else_of_fastapi_is_hot() -> None:
    hot = {
        route.path: route.is_hot
        for router in (APIRouter(route_class=HotRoute),)
        for path, function in (
            ("/things/{number}", read_thing),
            ("/things", write_thing),
            ("/two", write_two),
            ("/slow", read_slowly),
            ("/model", read_model),
        )
        for route in [_added(router, path, function)]
    }
    assert hot == {
        "/things/{number}": True,
        "/things": True,
        "/two": False,
        "/slow": False,
        "/model": False,
    }


def _added(router: APIRouter, path: str, function: Any) -> HotRoute:
    router.add_api_route(path, function, methods=["POST"])
    route = router.routes[-1]
    assert isinstance(route, HotRoute)
    return route
