"""What a worker tells of its service's log: how far it is, and what has no position yet."""

from typing import Final

from prometheus_client import Gauge

from common.clock import utc_now
from common.db import Database
from common.outbox.operations import stream_figures
from common.supervision import every

MEASURE_SECONDS: Final = 5.0

head_position = Gauge("colonnade_event_log_head", "Last position given out.", ["producer"])
outbox_depth = Gauge("colonnade_outbox_depth", "Events without a position yet.", ["producer"])
outbox_oldest = Gauge(
    "colonnade_outbox_oldest_seconds", "Age of the oldest event without a position.", ["producer"]
)


async def measure_outbox(service: str, database: Database) -> None:
    """Show what PostgreSQL knows of the log, until cancelled."""

    async def measure() -> None:
        async with database.reads() as connection:
            figures = await stream_figures(connection)
        now = utc_now()
        head_position.labels(service).set(figures.head.position)
        outbox_depth.labels(service).set(figures.outbox_depth)
        outbox_oldest.labels(service).set((now - (figures.outbox_oldest_at or now)).total_seconds())

    await every(MEASURE_SECONDS, measure)
