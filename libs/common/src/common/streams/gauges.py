"""What a worker tells of its consumers: where they are, what is before them, waits or is lost."""

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

from prometheus_client import Gauge

from common.place import EMPTY, Place
from common.streams.effects import HasSession, cursor_position
from common.streams.operations import list_consumers
from common.supervision import every

MEASURE_SECONDS: Final = 5.0

head_position = Gauge(
    "colonnade_consumer_head", "The producer's head, as this consumer last heard.", ["producer"]
)
oldest_seconds = Gauge(
    "colonnade_consumer_oldest_seconds", "Longest that an event may have waited here.", ["producer"]
)
parked_events = Gauge("colonnade_parked_events", "Events that wait after a failure.", ["producer"])
parked_keys = Gauge("colonnade_parked_keys", "Keys whose events wait.", ["producer"])
lost_ranges = Gauge(
    "colonnade_lost_ranges", "Ranges without their usual effect.", ["producer", "kind"]
)
lost_found_at = Gauge(
    "colonnade_lost_range_timestamp_seconds", "When the last was found.", ["producer", "kind"]
)


class Lag:
    """How far one consumer is behind, as far as it can know."""

    def __init__(self, producer: str) -> None:
        self._gauge = head_position.labels(producer)
        self._head = EMPTY
        self._complete_at = time.time()
        oldest_seconds.labels(producer).set_function(lambda: time.time() - self._complete_at)

    def hear(self, head: Place) -> None:
        """Note what the producer said its head is; after a restore it may be lower."""
        self._head = head
        self._gauge.set(head.position)

    def reach(self, cursor: Place) -> None:
        """Note that the cursor is here, so that the head is at least as far."""
        self.hear(max(self._head, cursor))

    def complete(self, at: float) -> None:
        """Note that all which could be had at that Unix time is applied."""
        self._complete_at = at


async def measure_consumers[T: HasSession](
    transaction: Callable[[], AbstractAsyncContextManager[T]],
) -> None:
    """Show what PostgreSQL knows of the consumers, until cancelled."""

    async def measure() -> None:
        async with transaction() as tx:
            states = await list_consumers(tx.session)
        for state in states:
            cursor_position.labels(state.producer).set(state.cursor.position)
            parked_events.labels(state.producer).set(state.parked_events)
            parked_keys.labels(state.producer).set(state.parked_keys)
            for kind, lost in state.lost.items():
                lost_ranges.labels(state.producer, kind).set(lost.ranges)
                lost_found_at.labels(state.producer, kind).set(lost.found_at.timestamp())

    await every(MEASURE_SECONDS, measure)
