"""People, requests and events that the tests of users start from."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
from redis.asyncio import Redis
from sqlalchemy import select, update

from common.contracts import AccountRegistered, Event, KnownAddressRegistered
from common.db import Database
from common.ids import new_id
from common.outbox import Outbox, Relay, read_log
from common.place import Place
from common.streams import Consumer
from common.streams.sources import Replay, Stream
from common.streams.tables import StreamCursor
from common.testing.keys import bearer, mint_user_token
from users_service.consumers import HANDLERS
from users_service.models import Follow, Profile, outbox_tables
from users_service.resources import Resources
from users_service.unit_of_work import Tx

ME = "/api/v1/users/me"


@dataclass(frozen=True)
class Person:
    """Somebody with an account in auth; `headers` speak for them."""

    username: str = "ada"
    id: UUID = field(default_factory=new_id)

    @property
    def headers(self) -> dict[str, str]:
        return bearer(mint_user_token(self.id, username=self.username))

    @property
    def path(self) -> str:
        return f"/api/v1/users/{self.username}"

    def registered(self, username: str | None = None) -> AccountRegistered:
        return AccountRegistered(account_id=self.id, username=username or self.username)


class Producer:
    """Auth as users knows it: a log of auth's shape, its relay, and the stream between."""

    def __init__(self, database: Database, streams: Redis, resources: Resources) -> None:
        self._database = database
        self._relay = Relay("auth", database, streams)
        self._resources = resources
        self._stream = Stream("auth", resources.platform.streams)
        self._consumer = self._new_consumer()
        self.log_reads = 0

    async def start(self) -> None:
        """Open the epoch: only the log tells where one begins, the stream has what follows."""
        await self.heard(KnownAddressRegistered(account_id=new_id(), email="", username=""))
        self.log_reads = 0

    async def says(self, *events: Event) -> None:
        """Commit the events and publish them; each is one account's."""
        async with self._database.transaction() as session:
            for event in events:
                await Outbox(session).add(event, key=event.model_dump(mode="json")["account_id"])
        await self._relay.assign()
        async with self._database.reads() as connection:
            head = await read_log(connection, epoch=0, after=0, limit=1)
        while await self._stream.top() < Place(head.head_epoch, head.head_position):
            await self._relay.publish()

    async def heard(self, *events: Event) -> None:
        """As `says`; returns when users has applied them."""
        await self.says(*events)
        await self._apply()

    async def rewind(self) -> None:
        """Make users start from a cursor that knows nothing, and apply everything again."""
        async with self._resources.transaction() as tx:
            await tx.session.execute(update(StreamCursor).values(epoch=0, position=0))
        self._consumer = self._new_consumer()
        await self._apply()

    async def _apply(self) -> None:
        while not await self._consumer.step(block_seconds=0.01):
            pass

    def _new_consumer(self) -> Consumer[Tx]:
        return Consumer("auth", HANDLERS, self._resources.transaction, self._stream, self)

    async def read(self, after: Place, *, wait_seconds: int) -> Replay:
        """Auth's log, without HTTP in between."""
        del wait_seconds
        self.log_reads += 1
        async with self._database.reads() as connection:
            page = await read_log(connection, epoch=after.epoch, after=after.position, limit=500)
        return Replay(page.resume_at, page.events)


async def arrive(client: httpx.AsyncClient, *people: Person) -> None:
    """Let people make their first request."""
    for person in people:
        response = await client.get(ME, headers=person.headers)
        assert response.status_code == 200


async def events(resources: Resources) -> list[tuple[str, str, dict[str, Any]]]:
    """What the outbox holds, in order: type, key and payload."""
    row = outbox_tables.OutboxRow
    async with resources.platform.database.reads() as connection:
        rows = await connection.execute(select(row.type, row.key, row.payload).order_by(row.id))
        return [(kind, key, payload) for kind, key, payload in rows]


async def event_types(resources: Resources) -> list[str]:
    """What kinds of events the outbox holds, in order, without service and version."""
    return [kind.split(".")[1] for kind, _, _ in await events(resources)]


async def profile(resources: Resources, person: Person) -> Profile:
    """The row of somebody who must have one."""
    async with resources.transaction() as tx:
        return await tx.session.get_one(Profile, person.id)


async def usernames(resources: Resources) -> list[str]:
    """The usernames of all profiles."""
    async with resources.transaction() as tx:
        return list((await tx.session.execute(select(Profile.username))).scalars())


async def follows(resources: Resources) -> list[tuple[UUID, UUID]]:
    """Who follows whom."""
    async with resources.transaction() as tx:
        rows = await tx.session.execute(select(Follow.follower_id, Follow.followee_id))
        return [(follower, followee) for follower, followee in rows]
