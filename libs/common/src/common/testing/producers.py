"""Another service as the one under test hears it: its real log, relay and stream.

Behind them stands the consumer of the service under test, taken step by step.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from sqlalchemy import text, update

from common.contracts import Event
from common.db import Database, open_database
from common.http import events, stream
from common.http.app import build_app
from common.ids import new_id
from common.outbox import Outbox, Relay, read_head, read_log
from common.place import Place
from common.platform import Platform, open_platform, open_streams
from common.settings import DatabaseSettings, ServiceSettings, StreamSettings
from common.streams import Bootstrap, Consumer, Copies, Effects, Handlers
from common.streams.sources import PastRetention, Replay, SnapshotPage, Stream
from common.streams.tables import StreamCursor
from common.testing.apps import running, settings_values
from devstack.catalog import load_catalog
from devstack.fixtures import Databases, ValkeyDatabase

# A relay would name it after the present time, of which no test could tell the places.
_OPEN_EPOCH_1 = text("""
    WITH head AS (
        UPDATE stream_head
           SET epoch = 1, server_started_at = pg_postmaster_start_time(),
               filenode = pg_relation_filenode('stream_head')::bigint)
    INSERT INTO epochs (epoch, start_position) VALUES (1, 1)
""")


class _Unheard(Event):
    """An event that nobody handles: it opens the epoch."""

    wire_name = "testing.epoch_opened.v1"


class Producer:
    """A producer of events for the service whose resources these are."""

    def __init__(
        self,
        name: str,
        database: Database,
        relay: Relay,
        resources: Any,
        consuming: tuple[Handlers[Any], Copies[Any]],
    ) -> None:
        self._name = name
        self._database = database
        self._relay = relay
        self._resources = resources
        self._handlers, self._copies = consuming
        self._stream = Stream(name, resources.platform.streams)
        self._state: dict[str, list[Event]] = {}
        self._gone: Place | None = None
        self._consumer = self._new_consumer()
        self.log_reads = 0

    async def start(self) -> None:
        """Open epoch 1: only the log tells where one begins, the stream has what follows."""
        async with self._database.transaction() as session:
            await session.execute(_OPEN_EPOCH_1)
        await self.heard(_Unheard())
        self.log_reads = 0

    async def says(self, *events: Event, key: str | None = None) -> None:
        """Commit the events and publish them, of one aggregate or each of its own."""
        async with self._database.transaction() as session:
            for event in events:
                await Outbox(session).add(event, key=key or new_id())
        await self._relay.assign()
        while await self._stream.top() < await self._head():
            await self._relay.publish()

    async def is_heard(self) -> None:
        """Return when all that was said has been applied."""
        while not await self._consumer.step(block_seconds=0.01):
            pass

    async def heard(self, *events: Event, key: str | None = None) -> None:
        """Say the events and return when they have been applied or parked."""
        await self.says(*events, key=key)
        await self.is_heard()

    async def rewind(self) -> None:
        """Start from a cursor that knows nothing, and apply everything again."""
        await self._forget_cursor()
        self._consumer = self._new_consumer()
        await self.is_heard()

    async def rebuild(self, *state: Event) -> None:
        """Make the log forget everything, so that copies are rebuilt from this state."""
        await self.says(_Unheard())
        self._state = {}
        for event in state:
            self._state.setdefault(event.wire_name, []).append(event)
        head = await self._head()
        self._gone = Place(head.epoch, head.position + 1)
        await self._forget_cursor()
        await self._new_consumer().step(block_seconds=0.01)
        self._gone = None
        self._consumer = self._new_consumer()

    async def read(self, after: Place, *, wait_seconds: int) -> Replay:
        """The log, without HTTP in between."""
        del wait_seconds
        self.log_reads += 1
        if self._gone is not None:
            raise PastRetention(self._gone, after.position + 1)
        async with self._database.reads() as connection:
            page = await read_log(connection, after=after, limit=500)
        return Replay(page.head, page.resume_at, page.events)

    async def snapshot(self, event_type: str, *, after: list[str] | None) -> SnapshotPage:
        """The state that `rebuild` was given, in one page."""
        del after
        rows = [event.model_dump(mode="json") for event in self._state.get(event_type, [])]
        return SnapshotPage(await self._head(), rows, None)

    async def _forget_cursor(self) -> None:
        own = update(StreamCursor).where(StreamCursor.producer == self._name)
        async with self._resources.transaction() as tx:
            await tx.session.execute(own.values(epoch=0, position=0))

    async def _head(self) -> Place:
        async with self._database.reads() as connection:
            return await read_head(connection)

    def _new_consumer(self) -> Consumer:
        own = {e: h for e, h in self._handlers.items() if e.wire_name.startswith(f"{self._name}.")}
        copies = {e: c for e, c in self._copies.items() if e.wire_name.startswith(f"{self._name}.")}
        transaction = self._resources.transaction
        effects = Effects(self._name, own, transaction)
        bootstrap = Bootstrap(self._name, copies, effects, transaction, self)
        return Consumer(self._name, effects, self._stream, self, bootstrap)


@asynccontextmanager
async def open_producer(
    name: str,
    databases: Databases,
    valkey: ValkeyDatabase,
    resources: Any,
    consuming: tuple[Handlers[Any], Copies[Any]],
) -> AsyncIterator[Producer]:
    """Open a producer on its own migrated database, with its epoch open; empty it at the end."""
    found = databases(name)
    async with (
        open_database(DatabaseSettings(database_url=found.app_url)) as database,
        open_streams(StreamSettings(streams_url=valkey.streams_url(name))) as streams,
    ):
        relay = Relay(name, database, streams)
        producer = Producer(name, database, relay, resources, consuming)
        await producer.start()
        yield producer
    await found.empty()


@dataclass(frozen=True, slots=True)
class _Resources:
    platform: Platform


@asynccontextmanager
async def serve_producer(
    name: str, databases: Databases, valkey: ValkeyDatabase
) -> AsyncIterator[FastAPI]:
    """Run the internal routes of a producer over its own log, without the rest of its service."""
    values = settings_values(
        name,
        database_url=databases(name).app_url,
        streams_url=valkey.streams_url(name),
        peers=[service.name for service in load_catalog()],
    )

    @asynccontextmanager
    async def open_resources(settings: ServiceSettings) -> AsyncIterator[_Resources]:
        async with open_platform(name, settings) as platform:
            yield _Resources(platform)

    app = build_app(
        service=name,
        settings=ServiceSettings(**values),
        open_resources=open_resources,
        routers=(events.router, stream.router),
    )
    async with running(app) as served:
        yield served
