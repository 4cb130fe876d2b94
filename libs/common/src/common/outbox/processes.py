"""What the worker of a producer runs."""

from collections.abc import Awaitable, Callable
from functools import partial

from redis.asyncio import Redis

from common.db import Database
from common.outbox.gauges import measure_outbox
from common.outbox.relay import Relay
from common.outbox.retention import Retention


def relay_loops(
    service: str, database: Database, streams: Redis
) -> dict[str, Callable[[], Awaitable[None]]]:
    """Return the loops that publish a service's events and forget the old ones, by name."""
    return {
        "relay": Relay(service, database, streams).run,
        "retention": Retention(database).run,
        "measure_outbox": partial(measure_outbox, service, database),
    }
