"""The small HTTP server of a worker: probes and metrics, and nothing that takes input."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from common.db import Database
from common.errors import Unavailable
from common.http.metrics import metrics_response
from common.http.problem import app_error_response, problem_response
from common.settings import HttpSettings


class _Server(uvicorn.Server):
    """A server that leaves the signals to the worker it belongs to."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serve_health(
    settings: HttpSettings, database: Database, stalled: Callable[[], list[str]]
) -> AsyncIterator[None]:
    """Serve /healthz, /readyz and /metrics while the block runs.

    Args:
        settings: Where to listen.
        database: What readiness asks.
        stalled: Returns the names of the loops that no longer make turns.
    """
    config = uvicorn.Config(
        _app(database, stalled),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve())
    try:
        yield
    finally:
        server.should_exit = True
        await task


def _app(database: Database, stalled: Callable[[], list[str]]) -> Starlette:
    async def get_health(_request: Request) -> Response:
        loops = stalled()
        if loops:
            detail = f"Stalled: {', '.join(loops)}."
            return problem_response(503, code="common.worker_stalled", detail=detail)
        return JSONResponse({"status": "alive"})

    async def get_readiness(_request: Request) -> Response:
        try:
            await database.ping()
        except Unavailable as error:
            return app_error_response(error)
        return JSONResponse({"status": "ready"})

    async def get_metrics(_request: Request) -> Response:
        return metrics_response()

    return Starlette(
        routes=[
            Route("/healthz", get_health),
            Route("/readyz", get_readiness),
            Route("/metrics", get_metrics),
        ]
    )
