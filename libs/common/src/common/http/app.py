"""The app factory: every service is the same app around its own routers and resources."""

import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

import uvicorn
from fastapi import APIRouter, FastAPI
from fastapi.responses import Response
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from common import logs
from common.http import docs, platform_routes, problem
from common.http.head import HeadAsGet
from common.http.input_guard import InputGuard
from common.http.middleware import RequestContext
from common.http.openapi import public_document, rendered
from common.http.overload import OverloadGuard, Refusal
from common.http.shortcut import Shortcut
from common.jwks import refresh_keys
from common.personal_keys.uses import PERIOD_SECONDS, report_key_uses
from common.platform import HasPlatform, Platform
from common.revocations import Watch
from common.settings import HttpSettings, ServiceSettings
from common.supervision import every, supervised
from common.telemetry import open_telemetry

_EXPOSED = [
    "ETag",
    "Link",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-Request-ID",
]
# Longer than the gateway keeps idle connections (90 s), so that it is the one to close them.
KEEP_ALIVE_SECONDS = 120
# FastAPI's own spans would tell queries, in which mailed tokens come, and begin outside of ours.
_OWN_TELEMETRY: TelemetryConfig = {
    "auto_configure": False,
    "tracing": False,
    "metrics": False,
    "logs": False,
}


def build_app[S: ServiceSettings, R: HasPlatform](
    *,
    service: str,
    settings: S,
    open_resources: Callable[[S], AbstractAsyncContextManager[R]],
    routers: Sequence[APIRouter],
    background: Sequence[Callable[[R], Awaitable[None]]] = (),
) -> FastAPI:
    """Return the app of a service; building it opens nothing.

    Args:
        service: Its name, also in `/api/v1/<service>/openapi.json`.
        settings: Its settings.
        open_resources: Opened when the app starts, into `app.state.resources`.
        routers: Its routes.
        background: Functions that run beside the requests with the resources; they never return.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with (
            open_telemetry(settings, service, "app"),
            open_resources(settings) as resources,
        ):
            app.state.resources = resources
            watch = Watch(resources.platform)
            loops = {work.__name__: partial(work, resources) for work in background}
            async with supervised(loops | _platform_loops(watch, resources.platform)):
                # A token of a session that has ended is refused from the first request on.
                await watch.first_turn()
                yield

    app = FastAPI(
        title=f"Colonnade {service}",
        version="1",
        openapi_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        middleware=_middleware(settings),
        generate_unique_id_function=_function_name,
        telemetry=_OWN_TELEMETRY,
    )
    app.state.service = service
    problem.install(app)
    # Before the routes of the service: `/api/v1/<service>/{name}` would take its path.
    _serve_document(app, service)
    for router in (*routers, platform_routes.router, docs.router):
        app.include_router(router)
    return app


def serve(app: FastAPI, settings: ServiceSettings) -> None:
    """Serve the app in this process until it is told to end; open requests are finished first."""
    logs.configure(settings, app.state.service)
    # What was imported stays for ever: to look through it for garbage stops all requests.
    gc.collect()
    gc.freeze()
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.shutdown_grace_seconds,
    )


def _platform_loops(watch: Watch, platform: Platform) -> dict[str, Callable[[], Awaitable[None]]]:
    """Return the background work of common; the service that signs the tokens knows its keys."""
    loops: dict[str, Callable[[], Awaitable[None]]] = {
        "watch_revocations": watch.run,
        "report_key_uses": partial(every, PERIOD_SECONDS, partial(_report_key_uses, platform)),
    }
    if platform.service != platform.settings.token_keys_peer:
        loops["refresh_keys"] = partial(refresh_keys, platform)
    return loops


async def _report_key_uses(platform: Platform) -> None:
    issuer = platform.peers[platform.settings.token_keys_peer]
    await report_key_uses(platform.personal_keys.uses, issuer)


def _middleware(settings: HttpSettings) -> list[Middleware]:
    """Return what surrounds the routes, outermost first."""
    cors: dict[str, Any] = {
        "allow_origins": settings.cors_origins,
        "allow_methods": ["GET", "POST", "PUT", "PATCH", "DELETE"],
        "allow_headers": ["*"],
        "expose_headers": _EXPOSED,
    }
    has_cors = bool(settings.cors_origins)
    refusal = Refusal(settings.security_headers, cors if has_cors else None)
    return [
        Middleware(OverloadGuard, settings=settings, refusal=refusal),
        Middleware(
            RequestContext,
            security_headers=settings.security_headers,
            timeout_seconds=settings.request_timeout_seconds,
        ),
        *([Middleware(CORSMiddleware, **cors)] if has_cors else []),
        Middleware(InputGuard, limit_bytes=settings.body_limit_bytes),
        Middleware(HeadAsGet),
        Middleware(Shortcut),
    ]


def _function_name(route: APIRoute) -> str:
    return route.name


def _serve_document(app: FastAPI, service: str) -> None:
    @app.get(docs.document_path(service), include_in_schema=False)
    async def get_openapi_document() -> Response:
        if not hasattr(app.state, "document"):
            app.state.document = rendered(public_document(app)).encode()
        return Response(app.state.document, media_type="application/json")
