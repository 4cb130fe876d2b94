"""A real server before an app, in the test's own loop."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import uvicorn

LOOPBACK: Final = "127.0.0.1"


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[int]:
    """Serve an app that runs with the same server as `serve` does, and return its port."""
    config = uvicorn.Config(app, http="httptools", ws="none", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    with socket.create_server((LOOPBACK, 0)) as listening:
        task = asyncio.create_task(server.serve([listening]))
        while not server.started:  # noqa: ASYNC110 — it has no event for it.
            await asyncio.sleep(0.01)
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            await task
