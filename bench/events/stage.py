"""The servers of one run and the processes of a contender, which all end with the run.

PostgreSQL keeps what it acknowledges, as in development: fsync and synchronous_commit are on.
"""

import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT
from typing import Any, Final

import asyncpg
import psutil
from sqlalchemy.ext.asyncio import create_async_engine

from bench.events import tables
from bench.processes import spawn, stop
from common.db.base import Base as CommonBase
from common.db.engine import asyncpg_url
from common.outbox import tables as outbox_tables
from common.streams import tables as stream_tables
from common.testing.apps import settings_values
from devstack.postgres import Postgres
from devstack.processes import free_port, wait_until
from devstack.valkey import ADMIN, BROKER, Valkey, running_valkey

_VARIABLE: Final = "BENCH_STAGE"
_OURS: Final = (
    outbox_tables.OutboxRow,
    outbox_tables.LogRow,
    outbox_tables.StreamHead,
    outbox_tables.EpochRow,
    outbox_tables.EventReader,
    stream_tables.StreamCursor,
    stream_tables.ParkedEvent,
    stream_tables.LostRange,
)


@dataclass(frozen=True)
class Addresses:
    """What a contender's process has to know; it finds it in its environment."""

    postgres: str
    redis: str
    broker: str
    settings: dict[str, dict[str, Any]]


def addresses() -> Addresses:
    """Return the addresses that this process was started with."""
    return Addresses(**json.loads(os.environ[_VARIABLE]))


@dataclass(frozen=True)
class Stage:
    """The running servers."""

    addresses: Addresses
    servers: dict[str, int]
    log: Path

    @contextmanager
    def running(self, *commands: tuple[str, ...]) -> Iterator[list[subprocess.Popen[bytes]]]:
        """Run modules of this package as processes while the block lasts."""
        with ExitStack() as stack:
            started = [self._start(command) for command in commands]
            for process in started:
                stack.callback(stop, process)
            yield started

    def output_of(self, *command: str) -> Any:
        """Run a module of this package to its end; return the JSON that it printed."""
        with self.log.open("ab") as log:
            words = [sys.executable, "-m", f"bench.events.{command[0]}", *command[1:]]
            done = subprocess.run(
                words, env=self._environment(), stdout=subprocess.PIPE, stderr=log, check=True
            )
        return json.loads(done.stdout)

    @asynccontextmanager
    async def connection(self) -> Any:
        """Open a superuser's connection."""
        connection = await asyncpg.connect(self.addresses.postgres)
        try:
            yield connection
        finally:
            await connection.close()

    def _start(self, command: tuple[str, ...]) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", f"bench.events.{command[0]}", *command[1:]]
        return spawn(words, self.log, environment=self._environment())

    def _environment(self) -> dict[str, str]:
        return os.environ | {_VARIABLE: json.dumps(vars(self.addresses))}


@asynccontextmanager
async def open_stage() -> Any:
    """Start the servers in a directory that is gone afterwards, and make the tables."""
    with ExitStack() as stack:
        directory = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="colonnade-bench-"))
        )
        server, pid = stack.enter_context(_running_postgres(directory))
        users = (tables.PRODUCER, tables.CONSUMER)
        valkey = stack.enter_context(running_valkey(directory, users))
        servers = {"PostgreSQL": pid, "Valkey": _pid_of("valkey-server")}
        stage = Stage(_addresses(server.url, valkey), servers, directory / "processes.log")
        await _make_tables(stage)
        try:
            yield stage
        except BaseException:
            sys.stderr.write(stage.log.read_text(encoding="utf-8")[-5000:])
            raise


def _addresses(postgres: str, valkey: Valkey) -> Addresses:
    services = {tables.PRODUCER: (free_port(), free_port()), tables.CONSUMER: (free_port(),) * 2}
    settings = {
        service: settings_values(
            service, database_url=postgres, streams_url=valkey.url(service), peers=services
        )
        for service in services
    }
    # Both have the same idea of where each one's app is and of its key.
    peers = settings[tables.PRODUCER]["peers"]
    for service, (app_port, _) in services.items():
        peers[service]["url"] = f"http://127.0.0.1:{app_port}"
    for service, (app_port, worker_port) in services.items():
        ports = {"app_port": app_port, "worker_port": worker_port}
        settings[service] |= {"peers": peers, **ports}
    return Addresses(postgres, valkey.url(ADMIN), valkey.url(BROKER, 1), settings)


@contextmanager
def _running_postgres(directory: Path) -> Iterator[tuple[Postgres, int]]:
    server = Postgres(directory / "postgres", free_port(), secrets.token_hex(8))
    server.initialise()
    # Every latency is the distance of two commit timestamps: no contender needs a clock of its own.
    command = [*server.command, "-c", "track_commit_timestamp=on"]
    process = spawn(command, directory / "postgres.log", ends_by=SIGINT)
    try:
        wait_until(server.is_ready, seconds=30, what="PostgreSQL is ready")
        yield server, process.pid
    finally:
        process.send_signal(SIGINT)
        process.wait(timeout=60)


async def _make_tables(stage: Stage) -> None:
    engine = create_async_engine(asyncpg_url(stage.addresses.postgres))
    made = [CommonBase.metadata.tables[each.__tablename__] for each in _OURS]
    async with engine.begin() as connection:
        await connection.run_sync(CommonBase.metadata.create_all, tables=made)
        await connection.run_sync(tables.Base.metadata.create_all)
    await engine.dispose()
    async with stage.connection() as connection:
        await connection.execute(tables.COUNT_EFFECTS)
        await connection.execute("INSERT INTO stream_head DEFAULT VALUES")


def _pid_of(name: str) -> int:
    return next(child.pid for child in psutil.Process().children() if child.name() == name)
