"""The app that is overloaded: one route inside all that surrounds the routes of a service.

`python -m bench.overload.app PORT [SETTING=VALUE …]`
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

from fastapi import APIRouter

from common.http.app import build_app, serve
from common.platform import open_platform
from common.settings import ServiceSettings
from common.testing.apps import settings_values

# What tests set otherwise, and production does not.
OF_PRODUCTION = ("concurrency_limit", "queue_limit", "queue_seconds", "log_level")

router = APIRouter(prefix="/api/v1")


@router.get("/work")
async def get_work(wait: float) -> dict[str, int]:
    """Take a millisecond in two parts around a wait, as routes do around their queries."""
    burn(0.0005)
    if wait:
        await asyncio.sleep(wait)
    burn(0.0005)
    return {"answer": 42}


def burn(seconds: float) -> None:
    """Use the processor for so long, whoever else wants it."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


@asynccontextmanager
async def open_resources(settings: ServiceSettings) -> AsyncIterator[Any]:
    async with open_platform("bench", settings) as platform:
        yield SimpleNamespace(platform=platform)


def main(port: int, chosen: dict[str, str]) -> None:
    """Serve with the settings of production, but for those that are chosen."""
    nowhere = {"database_url": "postgresql://x@127.0.0.1:1/x", "streams_url": "redis://127.0.0.1:1"}
    values = settings_values("bench", peers=["bench"], port=port, **nowhere)
    for name in OF_PRODUCTION:
        del values[name]
    settings = ServiceSettings(**values | chosen)
    app = build_app(
        service="bench", settings=settings, open_resources=open_resources, routers=[router]
    )
    serve(app, settings)


if __name__ == "__main__":
    main(int(sys.argv[1]), dict(pair.split("=", 1) for pair in sys.argv[2:]))
