"""The consumers of a worker: one for each producer that its handlers name."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial

from redis.asyncio import Redis

from common.contracts import Event
from common.http.client import PeerClient
from common.streams.bootstrap import Bootstrap, Copies
from common.streams.consumer import Consumer
from common.streams.effects import Effects, Handler, Handlers, HasSession
from common.streams.gauges import measure_consumers
from common.streams.sources import Log, Stream


def consumer_loops[T: HasSession](
    service: str,
    handlers: Handlers[T],
    copies: Copies[T],
    *,
    transaction: Callable[[], AbstractAsyncContextManager[T]],
    streams: Redis,
    peers: Mapping[str, PeerClient],
) -> dict[str, Callable[[], Awaitable[None]]]:
    """Return the loops that apply every event that `handlers` has a function for, by name.

    Args:
        service: The consumer.
        handlers: What to do with each type of event; its wire name starts with its producer.
        copies: How to rebuild from a snapshot what some of the handlers copy.
        transaction: Opens the service's unit of work.
        streams: The Redis of the streams.
        peers: Clients of the other services, by name.

    Raises:
        KeyError: A producer is not among the peers.
    """
    by_producer: dict[str, dict[type[Event], Handler[T]]] = defaultdict(dict)
    for event, handler in handlers.items():
        by_producer[_producer_of(event)][event] = handler
    loops: dict[str, Callable[[], Awaitable[None]]] = {}
    for producer, own in by_producer.items():
        effects = Effects(producer, own, transaction)
        log = Log(service, peers[producer])
        copied = {event: copy for event, copy in copies.items() if _producer_of(event) == producer}
        bootstrap = Bootstrap(producer, copied, effects, transaction, log)
        consumer = Consumer(producer, effects, Stream(producer, streams), log, bootstrap)
        loops[f"consume_{producer}"] = consumer.run
        loops[f"retry_{producer}"] = consumer.run_retries
        loops[f"rebuild_{producer}"] = bootstrap.run_wishes
    loops["measure_consumers"] = partial(measure_consumers, transaction)
    return loops


def _producer_of(event: type[Event]) -> str:
    return event.wire_name.partition(".")[0]
