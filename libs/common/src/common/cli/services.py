"""The services as the command line reaches them, and the pairs of them that share events."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from common.cli.identity import Identity, UsageError
from common.http.client import PeerClient, PeerRefused, open_client

SECONDS: Final = 5.0
CONSUMERS: Final = "/internal/consumers"
STREAM: Final = "/internal/stream"
# The most that a page of a list holds.
PAGE: Final = 100

type Clients = Mapping[str, PeerClient]


@asynccontextmanager
async def open_services(identity: Identity) -> AsyncIterator[Clients]:
    """Return a client of every service, by name."""
    async with AsyncExitStack() as stack:
        clients = {}
        for name, url in identity.urls.items():
            client = await stack.enter_async_context(open_client(url))
            clients[name] = PeerClient(name, client, identity.tokens)
        yield clients


@dataclass(frozen=True, slots=True)
class Pair:
    """A consumer and one of its producers; `state` is what the consumer says of it."""

    consumer: str
    producer: str
    state: Mapping[str, Any]
    client: PeerClient

    @property
    def path(self) -> str:
        return f"{CONSUMERS}/{self.producer}"

    async def get(self, path: str, **params: Any) -> Any:
        """Ask the consumer about this producer."""
        return await self.client.get(f"{self.path}{path}", params=params, timeout_seconds=SECONDS)

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Tell the consumer to do something about this producer."""
        return await self.client.request(
            "POST", f"{self.path}{path}", json=body, timeout_seconds=SECONDS
        )


async def ask(client: PeerClient, path: str, **params: Any) -> Any:
    """Return what a service answers; None where it has no such route, or nothing there."""
    try:
        return await client.get(path, params=params, timeout_seconds=SECONDS)
    except PeerRefused as refusal:
        if refusal.status == HTTPStatus.NOT_FOUND:
            return None
        raise


async def find_pairs(
    clients: Clients, consumer: str | None = None, producer: str | None = None
) -> list[Pair]:
    """Return who consumes whose events, in order of the names.

    Args:
        clients: Of all services.
        consumer: Only this one's.
        producer: Only of this one.

    Raises:
        PeerUnavailable: One of those asked does not answer.
        UsageError: There is no service or no pair of that name.
    """
    if consumer is not None and consumer not in clients:
        raise UsageError(f"There is no service {consumer}: choose one of {', '.join(clients)}.")
    names = [consumer] if consumer else sorted(clients)
    found = await asyncio.gather(*(pairs_of(name, clients[name]) for name in names))
    pairs = [pair for each in found for pair in each if producer in (None, pair.producer)]
    if not pairs and (consumer or producer):
        known = f"{consumer or 'No service'} consumes no events"
        raise UsageError(f"{known} of {producer}." if producer else f"{known}.")
    return pairs


async def pairs_of(name: str, client: PeerClient) -> list[Pair]:
    """Return the pairs of one consumer; none for a service that is none."""
    answer = await ask(client, CONSUMERS) or {"items": []}
    return [Pair(name, state["producer"], state, client) for state in answer["items"]]


async def read_pages(
    client: PeerClient, path: str, params: Mapping[str, Any], limit: int
) -> list[dict[str, Any]]:
    """Read the pages of a list until there are no more, or so many items are there."""
    items: list[dict[str, Any]] = []
    asked = {name: value for name, value in params.items() if value is not None}
    while len(items) < limit:
        asked["limit"] = min(PAGE, limit - len(items))
        page = await client.get(path, params=asked, timeout_seconds=SECONDS)
        items += page["items"]
        asked["cursor"] = page["next_cursor"]
        if page["next_cursor"] is None:
            break
    return items
