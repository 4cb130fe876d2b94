"""A hot route answers as FastAPI's own route does; only how it finds out differs."""

from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Cookie, Depends, FastAPI, Header, Query, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

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


def synchronous() -> str:
    return "in a thread"


async def read_slowly(found: Annotated[str, Depends(synchronous)]) -> Response:
    return JSONResponse({"found": found})


async def read_model() -> dict[str, int]:
    return {"a": 1}


def make(route_class: type[APIRoute]) -> FastAPI:
    router = APIRouter(route_class=route_class, dependencies=[Depends(guarded)])
    router.get("/things/{number}")(read_thing)
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
    ("/slow", {}),
    ("/slow", {"headers": {"X-Stranger": "1"}}),
    ("/model", {}),
]


@pytest.mark.parametrize(("path", "options"), CASES)
async def test_it_answers_as_any_other_route(path: str, options: dict[str, Any]) -> None:
    answers: list[httpx.Response] = []
    for route_class in (APIRoute, HotRoute):
        async with client_of(make(route_class)) as client:
            answers.append(await client.get(path, **options))
    plain, hot = answers
    assert (hot.status_code, hot.content) == (plain.status_code, plain.content)
    assert hot.headers == plain.headers


async def test_only_what_needs_nothing_else_of_fastapi_is_hot() -> None:
    hot = {
        route.path: route.is_hot
        for router in (APIRouter(route_class=HotRoute),)
        for path, function in (
            ("/things/{number}", read_thing),
            ("/slow", read_slowly),
            ("/model", read_model),
        )
        for route in [_added(router, path, function)]
    }
    assert hot == {"/things/{number}": True, "/slow": False, "/model": False}


def _added(router: APIRouter, path: str, function: Any) -> HotRoute:
    router.add_api_route(path, function)
    route = router.routes[-1]
    assert isinstance(route, HotRoute)
    return route
