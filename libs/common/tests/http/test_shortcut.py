"""A request to a hot route takes a shorter way, and nothing but its time tells of it."""

import httpx
import pytest
from fastapi import APIRouter, FastAPI, HTTPException, Response
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from common.errors import NotFound, Unauthenticated
from common.http.metrics import route_template
from common.http.middleware import RequestContext
from common.http.problem import install
from common.http.routes import HotRoute
from common.http.shortcut import Shortcut
from common.testing.apps import client_of


class NoSuchThing(NotFound):
    code = "test.no_such_thing"
    message = "There is no such thing."


FAILURES: dict[str, Exception] = {
    "unknown": NoSuchThing(),
    "stranger": Unauthenticated(),
    "held": HTTPException(304, headers={"ETag": '"a"'}),
    "refused": HTTPException(409),
    "crash": RuntimeError("It broke."),
}


async def read_thing(name: str, size: int = 1) -> Response:
    if name in FAILURES:
        raise FAILURES[name]
    return JSONResponse({"name": name, "size": size}, headers={"X-Kind": "thing"})


async def read_popular() -> dict[str, str]:
    return {"name": "popular"}


async def change_thing(name: str) -> Response:
    return JSONResponse({"changed": name})


class Witness:
    """Sees which requests go the long way, and which route answers any."""

    def __init__(self, app: ASGIApp, seen: list[str]) -> None:
        self._app = app
        self._seen = seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        finally:
            self._seen.append(route_template(scope))


def make(*, short: bool) -> tuple[FastAPI, list[str], list[str]]:
    app = FastAPI()
    routes: list[str] = []
    long: list[str] = []
    install(app)
    router = APIRouter(prefix="/things", route_class=HotRoute)
    router.get("/popular")(read_popular)
    router.get("/{name}")(read_thing)
    router.put("/{name}")(change_thing)
    app.include_router(router)
    app.add_middleware(Witness, seen=long)
    if short:
        app.add_middleware(Shortcut)
    app.add_middleware(Witness, seen=routes)
    app.add_middleware(RequestContext, security_headers={"X-Safe": "1"}, timeout_seconds=5)
    return app, routes, long


async def ask(app: FastAPI, method: str, path: str) -> httpx.Response:
    async with client_of(app) as client:
        return await client.request(method, path, headers={"X-Request-ID": "r"})


HOT = [
    ("GET", "/things/a"),
    ("GET", "/things/a%20b?size=3"),
    ("GET", "/things/a?size=x"),
    ("PUT", "/things/a"),
    *(("GET", f"/things/{name}") for name in FAILURES),
]
OTHERS = [
    ("GET", "/things/popular"),
    ("GET", "/things/a/b"),
    ("GET", "/things"),
    ("DELETE", "/things/a"),
    ("BREW", "/things/a"),
]


CASES = [
    pytest.param(*case, hot, id=" ".join(case))
    for cases, hot in ((HOT, True), (OTHERS, False))
    for case in cases
]


@pytest.mark.parametrize(("method", "path", "is_hot"), CASES)
async def test_it_answers_as_the_long_way_does(method: str, path: str, *, is_hot: bool) -> None:
    short, routes, long = make(short=True)
    plain, plain_routes, _ = make(short=False)
    answer, expected = await ask(short, method, path), await ask(plain, method, path)
    assert (answer.status_code, answer.content) == (expected.status_code, expected.content)
    assert answer.headers == expected.headers
    assert routes == plain_routes
    assert bool(long) is not is_hot
