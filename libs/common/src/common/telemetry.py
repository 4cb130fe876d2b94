"""Records the spans of a process while it has an endpoint for them, and else does nothing at all.

The SDK is loaded by name where it is used: without an endpoint nobody pays its time or memory.
"""

import asyncio
import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol, cast

from opentelemetry.trace import Tracer

from common.settings import TraceSettings
from common.trace import recording


class Export(Protocol):
    """Spans on their way to the endpoint."""

    @property
    def tracer(self) -> Tracer: ...
    def close(self) -> None: ...


class _Otlp(Protocol):
    """What `common.otlp` offers."""

    def open_export(self, endpoint: str, *, ratio: float, service: str, process: str) -> Export: ...


@asynccontextmanager
async def open_telemetry(
    settings: TraceSettings, service: str, process: str
) -> AsyncIterator[None]:
    """Record the spans of this process during the block; what is left goes out at its end.

    Call it in the process itself: the thread that sends does not survive a fork.

    Args:
        settings: Where spans go, and how many.
        service: Its name.
        process: Which of its processes this is.
    """
    if settings.otlp_endpoint is None:
        yield
        return
    otlp = cast("_Otlp", importlib.import_module("common.otlp"))
    export = otlp.open_export(
        settings.otlp_endpoint,
        ratio=settings.trace_sample_ratio,
        service=service,
        process=process,
    )
    try:
        with recording(export.tracer):
            yield
    finally:
        await asyncio.to_thread(export.close)
