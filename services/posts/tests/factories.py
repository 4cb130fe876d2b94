"""People, requests and events that the tests of posts start from."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
from redis.asyncio import Redis
from sqlalchemy import select, update

from common.contracts import Event, ProfileChanged
from common.db import Database
from common.ids import new_id
from common.outbox import Outbox, Relay, read_log
from common.outbox.place import Place
from common.streams import Consumer
from common.streams.sources import Replay, Stream
from common.streams.tables import StreamCursor
from common.testing.keys import bearer, mint_user_token
from posts_service.consumers import HANDLERS
from posts_service.models import Author, Post, outbox_tables
from posts_service.resources import Resources
from posts_service.unit_of_work import Tx

POSTS = "/api/v1/posts"
SHARED = "public, no-cache"


@dataclass(frozen=True)
class Person:
    """Somebody with an account; `headers` speak for them."""

    username: str = "ada"
    id: UUID = field(default_factory=new_id)

    @property
    def headers(self) -> dict[str, str]:
        return bearer(mint_user_token(self.id, username=self.username))

    def called(self, display_name: str, username: str | None = None) -> ProfileChanged:
        return ProfileChanged(
            user_id=self.id, username=username or self.username, display_name=display_name
        )


class Producer:
    """Users as posts knows it: a log of its shape, its relay, and the stream between."""

    def __init__(self, database: Database, streams: Redis, resources: Resources) -> None:
        self._database = database
        self._relay = Relay("users", database, streams)
        self._resources = resources
        self._stream = Stream("users", resources.platform.streams)
        self._consumer = self._new_consumer()
        self.log_reads = 0

    async def start(self) -> None:
        """Open the epoch: only the log tells where one begins, the stream has what follows."""
        await self.heard(Person("somebody").called("Somebody"))
        self.log_reads = 0

    async def says(self, *events: Event) -> None:
        """Commit the events and publish them."""
        async with self._database.transaction() as session:
            for event in events:
                await Outbox(session).add(event, key=new_id())
        await self._relay.assign()
        async with self._database.reads() as connection:
            head = await read_log(connection, epoch=0, after=0, limit=1)
        while await self._stream.top() < Place(head.head_epoch, head.head_position):
            await self._relay.publish()

    async def heard(self, *events: Event) -> None:
        """As `says`; returns when posts has applied them."""
        await self.says(*events)
        await self._apply()

    async def rewind(self) -> None:
        """Make posts start from a cursor that knows nothing, and apply everything again."""
        async with self._resources.transaction() as tx:
            await tx.session.execute(update(StreamCursor).values(epoch=0, position=0))
        self._consumer = self._new_consumer()
        await self._apply()

    async def _apply(self) -> None:
        while not await self._consumer.step(block_seconds=0.01):
            pass

    def _new_consumer(self) -> Consumer[Tx]:
        return Consumer("users", HANDLERS, self._resources.transaction, self._stream, self)

    async def read(self, after: Place, *, wait_seconds: int) -> Replay:
        """Users' log, without HTTP in between."""
        del wait_seconds
        self.log_reads += 1
        async with self._database.reads() as connection:
            page = await read_log(connection, epoch=after.epoch, after=after.position, limit=500)
        return Replay(page.resume_at, page.events)


def draft(**changes: Any) -> dict[str, Any]:
    return {"title": "On compilers", "body": "Hello, *world*.", **changes}


def published(**changes: Any) -> dict[str, Any]:
    return draft(status="published", **changes)


async def write(client: httpx.AsyncClient, author: Person, body: dict[str, Any]) -> dict[str, Any]:
    """Write a post that must be accepted, and return it."""
    response = await client.post(POSTS, json=body, headers=author.headers)
    assert response.status_code == 201, response.text
    post: dict[str, Any] = response.json()
    return post


async def edit(
    client: httpx.AsyncClient, editor: Person, post: dict[str, Any], body: Any, **headers: str
) -> httpx.Response:
    path = f"{POSTS}/{post['id']}"
    return await client.patch(path, json=body, headers={**editor.headers, **headers})


async def titles(client: httpx.AsyncClient, **query: Any) -> list[str]:
    """The titles of one page of the list."""
    response = await client.get(POSTS, params=query)
    assert response.status_code == 200, response.text
    return [item["title"] for item in response.json()["items"]]


async def events(resources: Resources) -> list[tuple[str, str, dict[str, Any]]]:
    """What the outbox holds, in order: type, key and payload."""
    row = outbox_tables.OutboxRow
    async with resources.platform.database.reads() as connection:
        rows = await connection.execute(select(row.type, row.key, row.payload).order_by(row.id))
        return [(kind, key, payload) for kind, key, payload in rows]


async def event_types(resources: Resources) -> list[str]:
    """What kinds of events the outbox holds, in order, without service and version."""
    return [kind.split(".")[1] for kind, _, _ in await events(resources)]


async def author(resources: Resources, person: Person) -> Author:
    """The copy of somebody of whom posts must have one."""
    async with resources.transaction() as tx:
        return await tx.session.get_one(Author, person.id)


async def slugs(resources: Resources) -> list[str]:
    """The slugs of all posts."""
    async with resources.transaction() as tx:
        return list((await tx.session.execute(select(Post.slug))).scalars())
