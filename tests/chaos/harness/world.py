"""The world of a drill: the real stack on random ports, around it servers that the drill holds.

Posts has a PostgreSQL of its own, so that a restore takes this producer back and nobody else. All
services reach Redis through a proxy. A tally counts the effects of every event.
"""

import asyncio
import os
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGTERM
from typing import Any, Final

import asyncpg
import httpx
from pydantic import SecretStr

from common.db import Database, open_database
from common.db.provision import ServiceRole, provision
from common.place import Place
from common.settings import DatabaseSettings
from devstack.catalog import find_root, load_catalog
from devstack.control import Stack, running_stack
from devstack.credentials import keep_credentials
from devstack.databases import migrate
from devstack.environments import Environments
from devstack.layout import Layout, read_json
from devstack.probes import answers
from devstack.processes import LOOPBACK, MARKER, free_port
from devstack.settings import StackSettings
from devstack.tour import Patience, Person, Tour
from devstack.valkey import ADMIN, BROKER
from tests.chaos import tally
from tests.chaos.harness.proxy import Proxy
from tests.chaos.harness.servers import DATABASE, Child, PostgresServer, ValkeyServer, until

SERVICES: Final = tuple(service.name for service in load_catalog())
# Of whom the load makes events, and who hears of them; a service beside them sleeps through drills.
CONSUMES: Final = {
    "users": ("auth",),
    "posts": ("auth", "users"),
    "notifier": ("auth", "users", "posts"),
    tally.NAME: ("auth", "users", "posts"),
}
PRODUCERS: Final = CONSUMES[tally.NAME]
_STRANGERS_PATIENCE = Patience(mail_seconds=60, event_seconds=60)
# An epoch that no event opened yet is nothing to catch up with.
_HEAD = """
    WITH waiting AS (SELECT count(*) AS n FROM outbox),
         last AS (SELECT coalesce(max(epoch), 0) AS epoch FROM event_log
                   WHERE position = (SELECT position FROM stream_head))
    SELECT CASE WHEN n > 0 THEN h.epoch ELSE last.epoch END AS epoch, position + n AS position,
           (server_started_at, filenode) IS DISTINCT FROM
           (pg_postmaster_start_time(), pg_relation_filenode('stream_head')::bigint) AS reborn
      FROM stream_head h, waiting, last
"""


@dataclass(slots=True)
class World:
    """Everything that runs. The methods look at it; drills do things to it."""

    folder: Path
    main: PostgresServer
    posts: PostgresServer
    valkey: ValkeyServer
    proxy: Proxy
    stack: Stack
    gateway_url: str
    mailbox_url: str
    workers: Mapping[str, Mapping[str, str]]
    people: list[Person] = field(default_factory=list)
    children: list[Child] = field(default_factory=list)
    last_behind: str = "nobody was behind"
    # Of each producer: the last of the tally's effects that a ledger has seen.
    checked: Counter[str] = field(default_factory=Counter)
    _kept: dict[str, Any] = field(default_factory=dict)
    _locks: defaultdict[str, asyncio.Lock] = field(
        default_factory=lambda: defaultdict(asyncio.Lock)
    )

    @asynccontextmanager
    async def sql(self, service: str) -> AsyncIterator[Any]:
        """A superuser's connection of one's own to the schema of a service, or to the tally."""
        connection = await self._connect(service)
        try:
            yield connection
        finally:
            await connection.close(timeout=5)

    async def fetch(self, service: str, query: str, *arguments: object) -> list[Any]:
        """The rows of a query, over a connection that is kept: a new one costs 20 ms of work."""
        async with self._locks[service]:
            kept = self._kept.get(service)
            try:
                return await self._fetch_by(kept, service, query, arguments)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                if kept is None:
                    raise
                # The drill may have ended it: once more over a new one.
                return await self._fetch_by(None, service, query, arguments)

    async def fetchval(self, service: str, query: str, *arguments: object) -> Any:
        """The one value of a query."""
        return (await self.fetch(service, query, *arguments))[0][0]

    async def close(self) -> None:
        """Release the connections that are kept."""
        while self._kept:
            self._kept.popitem()[1].terminate()

    async def _fetch_by(
        self, connection: Any, service: str, query: str, arguments: Sequence[object]
    ) -> list[Any]:
        if connection is None:
            self._kept.pop(service, None)
            connection = await self._connect(service)
            self._kept[service] = connection
        rows: list[Any] = await connection.fetch(query, *arguments, timeout=30)
        return rows

    async def _connect(self, service: str) -> Any:
        server = self.posts if service == "posts" else self.main
        database = tally.NAME if service == tally.NAME else DATABASE
        return await server.connect(database, service)

    def pid(self, part: str) -> int:
        """The process of a part of the stack; its board may tell of one that has just ended."""
        records = {each["name"]: each for each in self.stack.board()["processes"]}
        return int(records[part]["pid"] or 0)

    async def pid_when_ready(self, part: str, *, after: int = 0) -> int:
        """The process of a part once it is ready, and is not the one of `after`."""

        async def ready() -> bool:
            records = {each["name"]: each for each in self.stack.board()["processes"]}
            return bool(records[part]["state"] == "ready" and records[part]["pid"] != after)

        await until(ready, seconds=60, what=f"{part} is ready")
        return self.pid(part)

    async def start_worker(self, service: str) -> Child:
        """Start one more worker of a service beside the stack's own."""
        port = free_port()
        environment = {**self.workers[service], f"{service.upper()}_PORT": str(port)}
        return await self._start_child(f"{service}_service.worker", environment, port)

    async def start_tally(self) -> Child:
        """Start one more replica of the tally."""
        port = free_port()
        environment = {
            name.replace(f"{tally.CALLER.upper()}_", "TALLY_"): value
            for name, value in self.workers[tally.CALLER].items()
        } | {
            "TALLY_DATABASE_URL": self.main.url_of(tally.NAME, tally.NAME),
            "TALLY_PORT": str(port),
        }
        return await self._start_child("tests.chaos.tally", environment, port)

    @asynccontextmanager
    async def database(self, service: str) -> AsyncIterator[Database]:
        """The schema of a service, or the tally's, for the code of `common`; as superuser."""
        server = self.posts if service == "posts" else self.main
        url = server.url(tally.NAME if service == tally.NAME else DATABASE)
        settings = DatabaseSettings(database_url=SecretStr(f"{url}?search_path={service}"))
        async with open_database(settings) as database:
            yield database

    def metric(self, part: str, sample: str) -> float:
        """The value of a sample (`name{label="value"}`) that a part shows now; 0 without one."""
        records = {each["name"]: each for each in self.stack.board()["processes"]}
        url = f"http://{LOOPBACK}:{records[part]['port']}/metrics"
        lines = httpx.get(url, trust_env=False).raise_for_status().text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(sample))

    def mails(self) -> int:
        """How many mails the mailbox received."""
        answer = httpx.get(f"{self.mailbox_url}/api/v1/messages?limit=1", trust_env=False)
        return int(answer.raise_for_status().json()["total"])

    async def head(self, producer: str) -> Place | None:
        """The place of what a producer committed last; None while a new epoch is not open yet."""
        row = (await self.fetch(producer, _HEAD))[0]
        return None if row["reborn"] else Place(row["epoch"], row["position"])

    async def cursors(self, consumer: str) -> dict[str, Place]:
        """How far a consumer is, by producer."""
        query = "SELECT producer, epoch, position FROM stream_cursor"
        rows = await self.fetch(consumer, query)
        cursors = {row["producer"]: Place(row["epoch"], row["position"]) for row in rows}
        return {name: cursors.get(name, Place(0, 0)) for name in CONSUMES[consumer]}

    async def caught_up(self, *, seconds: float, but: str | None = None) -> float:
        """Wait until every consumer has what is committed by now; return how long that took.

        Args:
            seconds: How long to wait at most.
            but: The one consumer that does not matter.

        Raises:
            TimeoutError: Somebody is still behind.
        """
        clock = asyncio.get_running_loop().time
        began = clock()
        heads: dict[str, Place] = {}
        for producer in PRODUCERS:
            heads[producer] = await self._known_head(producer, seconds)

        async def nobody_is_behind() -> bool:
            late = await self._somebody_behind(heads, but)
            self.last_behind = late or self.last_behind
            return not late

        try:
            await until(nobody_is_behind, seconds=seconds, what="all have caught up")
        except TimeoutError as error:
            raise TimeoutError(f"{error}: {self.last_behind}") from error
        return clock() - began

    async def _known_head(self, producer: str, seconds: float) -> Place:
        async def known() -> bool:
            return await self.head(producer) is not None

        await until(known, seconds=seconds, what=f"{producer} opens its epoch")
        head = await self.head(producer)
        assert head is not None
        return head

    async def _somebody_behind(self, heads: Mapping[str, Place], but: str | None) -> str:
        for consumer in (each for each in CONSUMES if each != but):
            for producer, cursor in (await self.cursors(consumer)).items():
                head = heads.get(producer)
                if head and cursor < head:
                    return f"{consumer} has {cursor} of {producer}'s {head}"
        return ""

    async def _start_child(self, module: str, environment: Mapping[str, str], port: int) -> Child:
        log = self.folder / f"{module}-{len(self.children)}.log"
        child = Child([sys.executable, "-m", module], log, environment)
        await child.start()
        self.children.append(child)
        is_ready = answers(port)

        async def ready() -> bool:
            with suppress(OSError):
                return await is_ready("")
            return False

        await until(ready, seconds=60, what=f"{module} is ready")
        return child


@asynccontextmanager
async def open_world(folder: Path, *, people: int = 6) -> AsyncIterator[World]:
    """Start everything, let some people register, and end everything with the block."""
    main, posts = PostgresServer(folder, "main"), PostgresServer(folder, "posts")
    valkey = ValkeyServer(folder, SERVICES)
    async with AsyncExitStack() as closing:
        for end in (main.stop, posts.stop, valkey.close):
            closing.push_async_callback(end)
        await asyncio.gather(main.start(), posts.start(), valkey.start())
        proxy = closing.enter_context(Proxy(valkey.port))
        await _provision(posts.url(), "posts", posts.url_of)
        await _provision(main.url(), tally.NAME, lambda role: main.url_of(role, tally.NAME))
        layout = Layout(find_root(), folder / "stack")
        settings = StackSettings(
            gateway_port=free_port(),
            mailbox_port=free_port(),
            database_url=main.url(),
            redis_url=valkey.url(ADMIN, proxy.port),
        )
        with _environment(_overrides(posts, valkey, proxy.port)):
            # In this thread: the stack ends with the thread that started it.
            stack = closing.enter_context(running_stack(layout, settings))
            workers = _worker_environments(layout, settings)
        world = World(
            folder, main, posts, valkey, proxy, stack,
            f"http://{LOOPBACK}:{settings.gateway_port}", settings.mailbox_url, workers,
        )  # fmt: skip
        closing.push_async_callback(_end_world, world)
        await world.start_tally()
        world.people += await asyncio.to_thread(_register, world, people)
        await world.caught_up(seconds=30)
        yield world


def _worker_environments(layout: Layout, settings: StackSettings) -> dict[str, dict[str, str]]:
    """What the stack's workers were started with, for more of them."""
    services = load_catalog(layout.root)
    credentials = keep_credentials(layout, passwords=[], keys=[])
    environments = Environments(settings, services, read_json(layout.ports), credentials)
    marker = {MARKER: layout.marker}
    return {each.name: environments.process(each, "worker") | marker for each in services}


def _register(world: World, people: int) -> list[Person]:
    found: list[Person] = []
    while len(found) < people:
        with Tour(world.gateway_url, world.mailbox_url, _STRANGERS_PATIENCE) as tour:
            for step in tour.steps[:4]:
                step()
            found += [tour.author, tour.reader]
    return found[:people]


async def _provision(admin_url: str, name: str, url_of: Any) -> None:
    owner_url = url_of(f"{name}_owner")
    await provision(admin_url, [ServiceRole(name, url_of(name), owner_url)])
    if name == tally.NAME:
        await tally.create_tables(owner_url)
    else:
        await asyncio.to_thread(migrate, name, owner_url)


def _overrides(posts: PostgresServer, valkey: ValkeyServer, proxy: int) -> dict[str, str]:
    """What the services are told instead of the stack's own choice."""
    streams = {f"{name.upper()}_STREAMS_URL": valkey.url(name, proxy) for name in SERVICES}
    return streams | {
        "NOTIFIER_BROKER_URL": valkey.url(BROKER, proxy, 1),
        "POSTS_DATABASE_URL": posts.url_of("posts"),
    }


@contextmanager
def _environment(overrides: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in overrides}
    os.environ.update(overrides)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


async def _end_world(world: World) -> None:
    for child in world.children:
        await child.end(SIGTERM)
    await world.close()
