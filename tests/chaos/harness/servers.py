"""The servers of a drill, which it may stop, kill, freeze, replace and restore by itself."""

import asyncio
import os
import shutil
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from signal import SIGCONT, SIGINT, SIGKILL, SIGQUIT, SIGSTOP, SIGTERM, Signals
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from redis.asyncio import Redis

from devstack.binaries import postgres_binary
from devstack.postgres import Postgres, unprivileged
from devstack.processes import LOOPBACK, die_with_parent, free_port
from devstack.valkey import ADMIN, Valkey, passwords_for_tests

DATABASE = "colonnade"


async def until(condition: Callable[[], Awaitable[bool]], *, seconds: float, what: str) -> float:
    """Poll a condition; return after how many seconds it came true.

    Raises:
        TimeoutError: It did not in time; the message says `what`.
    """
    clock = asyncio.get_running_loop().time
    began = clock()
    while not await condition():
        if clock() - began > seconds:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        await asyncio.sleep(0.05)
    return clock() - began


class Child:
    """A process that ends with this one; `start` may be called again after its end."""

    def __init__(
        self, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self._command = command
        self._log = log
        self._environment = environment
        self._process: Process | None = None

    @property
    def pid(self) -> int:
        """Its process id.

        Raises:
            RuntimeError: It does not run.
        """
        if self._process is None or self._process.returncode is not None:
            raise RuntimeError(f"{self._log.stem} does not run")
        return self._process.pid

    async def start(self) -> None:
        """Start it; whether it is ready is not asked."""
        with self._log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=DEVNULL,
                stdout=output,
                stderr=output,
                env=self._environment,
                preexec_fn=die_with_parent(SIGINT),
            )

    def send(self, signal: Signals) -> None:
        """Send it a signal, if it runs."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal)

    async def end(self, signal: Signals = SIGTERM) -> None:
        """Send it a signal and wait for its end, if it runs."""
        if self._process is not None:
            self.send(signal)
            await self._process.wait()


class PostgresServer:
    """A PostgreSQL that keeps what it acknowledged. Its data may be replaced by a backup."""

    def __init__(self, folder: Path, name: str) -> None:
        self._server = Postgres(folder / name, free_port(), password="chaos")
        self._child = Child(self._server.command, folder / f"{name}.log")

    def url(self, database: str = "postgres") -> str:
        """The superuser's URL of a database."""
        return urlunsplit(urlsplit(self._server.url)._replace(path=f"/{database}"))

    def url_of(self, role: str, database: str = DATABASE) -> str:
        """The URL of a role, whose password is its name."""
        return f"postgresql://{role}:{role}@{LOOPBACK}:{self._server.port}/{database}"

    async def start(self) -> None:
        """Start it and wait until it accepts connections."""
        self._server.initialise()
        await self._child.start()
        await until(self._accepts, seconds=60, what="PostgreSQL accepts connections")

    async def stop(self, signal: Signals = SIGINT) -> None:
        """Stop it; SIGQUIT is PostgreSQL's `immediate`, after which it must recover."""
        await self._child.end(signal)

    async def back_up(self, folder: Path) -> None:
        """Take a base backup while it runs."""
        command = [postgres_binary("pg_basebackup"), "-d", self._server.url, "-D", str(folder)]
        await run([*unprivileged(), *command, "-X", "stream", "-c", "fast", "--no-sync"])

    async def restore(self, backup: Path) -> None:
        """Lose everything that came after a base backup: its data take this server's place."""
        await self.stop(SIGQUIT)
        await asyncio.to_thread(_replace, self._server.data, backup)
        await self.start()

    async def dump(self, file: Path, database: str = DATABASE) -> None:
        """Take a logical dump while it runs."""
        command = [postgres_binary("pg_dump"), "-Fc", "-d", self.url(database), "-f", str(file)]
        await run(command)

    async def restore_dump(self, file: Path, database: str = DATABASE) -> None:
        """Replace a database by a logical dump of it."""
        async with self.connection() as admin:
            await admin.execute(f"DROP DATABASE {database} WITH (FORCE)")
            await admin.execute(f"CREATE DATABASE {database}")
        await run([postgres_binary("pg_restore"), "-d", self.url(database), str(file)])

    async def connect(self, database: str = "postgres", schema: str = "public") -> Any:
        """Open a connection of the superuser; the caller closes it."""
        path = {"search_path": schema}
        return await asyncpg.connect(self.url(database), timeout=10, server_settings=path)

    @asynccontextmanager
    async def connection(
        self, database: str = "postgres", schema: str = "public"
    ) -> AsyncIterator[Any]:
        """A connection of the superuser."""
        connection = await self.connect(database, schema)
        try:
            yield connection
        finally:
            await connection.close(timeout=5)

    async def _accepts(self) -> bool:
        with suppress(OSError, TimeoutError, asyncpg.PostgresError):
            async with self.connection():
                return True
        return False


class ValkeyServer:
    """A Valkey that forgets everything when it ends. `redis` talks to it past any proxy."""

    def __init__(self, folder: Path, services: Sequence[str], port: int | None = None) -> None:
        self._server = Valkey(folder / "valkey", port or free_port(), passwords_for_tests(services))
        self._child = Child(self._server.command, folder / "valkey.log")
        self.redis: Redis = Redis.from_url(self._server.url(ADMIN), socket_timeout=10)

    @property
    def port(self) -> int:
        return self._server.port

    def url(self, user: str, port: int, database: int = 0) -> str:
        """The URL of a user by way of another port."""
        return f"redis://{user}:{self._server.passwords[user]}@{LOOPBACK}:{port}/{database}"

    async def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        self._server.write_configuration()
        await self._child.start()
        await until(self._answers, seconds=30, what="Valkey answers")

    async def kill(self) -> None:
        """End it at once, with all it knows; the drill's own connections go with it."""
        await self._child.end(SIGKILL)
        await self.redis.connection_pool.disconnect()

    def freeze(self) -> None:
        """Stop it as SIGSTOP does: connections stay open and nothing is answered."""
        self._child.send(SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._child.send(SIGCONT)

    async def close(self) -> None:
        """End it for good."""
        self.thaw()
        await self.redis.aclose()
        await self.kill()

    async def _answers(self) -> bool:
        return await asyncio.to_thread(self._server.is_ready)


def _replace(folder: Path, by: Path) -> None:
    shutil.rmtree(folder)
    by.rename(folder)


async def run(command: Sequence[str]) -> None:
    """Run a command to its end.

    Raises:
        OSError: It failed; the message is what it wrote.
    """
    process = await asyncio.create_subprocess_exec(
        *command, stdin=DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env=os.environ | {"LC_ALL": "C"},
    )  # fmt: skip
    output, _ = await process.communicate()
    if process.returncode != 0:
        raise OSError(f"{command[0]} failed: {output.decode(errors='replace')}")
