"""The consumers of a worker: one for each producer that its handlers name."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager

from redis.asyncio import Redis

from common.contracts import Event
from common.http.client import PeerClient
from common.streams.consumer import Consumer, Handler, Handlers, HasSession
from common.streams.sources import Log, Stream


def consumer_loops[T: HasSession](
    service: str,
    handlers: Handlers[T],
    *,
    transaction: Callable[[], AbstractAsyncContextManager[T]],
    streams: Redis,
    peers: Mapping[str, PeerClient],
) -> dict[str, Callable[[], Awaitable[None]]]:
    """Return the loops that apply every event that `handlers` has a function for, by name.

    Args:
        service: The consumer.
        handlers: What to do with each type of event; its wire name starts with its producer.
        transaction: Opens the service's unit of work.
        streams: The Redis of the streams.
        peers: Clients of the other services, by name.

    Raises:
        KeyError: A producer is not among the peers.
    """
    by_producer: dict[str, dict[type[Event], Handler[T]]] = defaultdict(dict)
    for event, handler in handlers.items():
        by_producer[event.wire_name.partition(".")[0]][event] = handler
    return {
        f"consume_{producer}": Consumer(
            producer, own, transaction, Stream(producer, streams), Log(service, peers[producer])
        ).run
        for producer, own in by_producer.items()
    }
