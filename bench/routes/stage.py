"""The servers of one run: the part of `make up` that the routes of posts need, and the references.

Each process is started by the command and the environment that `make up` starts it with; only the
log is the JSON of production. Whatever answers requests has one core, all else the others.
"""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg
from joserfc.jwk import ECKey

from auth_service.usecases.keys import AccessTokenSigner
from bench.machine import ROOT, Cores
from bench.parts import (
    environment_of,
    in_database,
    running,
    sign_token,
    signing_key,
    start_part,
    until_ready,
)
from bench.processes import output_of
from common.db.provision import ServiceRole, provision
from devstack.environments import DATABASE
from devstack.layout import Layout
from devstack.parts import Part
from devstack.probes import answers
from devstack.processes import LOOPBACK, free_port
from devstack.settings import StackSettings
from devstack.topology import build_parts

SERVICE: Final = "posts"
# Auth is there for its keys, and users because the worker of posts listens to it.
_PARTS: Final = (
    *("postgres", "valkey", "provision"),
    *("auth-migrations", "users-migrations", "posts-migrations"),
    *("auth-app", "users-app", "posts-app", "posts-worker", "traefik"),
)
_MEASURED: Final = "posts-app"
_ISSUER: Final = "auth-app"
_MIGRATIONS: Final = "posts-migrations"
_OWNER: Final = "POSTS_MIGRATION_DATABASE_URL"
_TOKEN_SECONDS: Final = 4 * 3600
OURS: Final = "Colonnade"
DIRECT: Final = "Colonnade without Traefik"
NAIVE: Final = "naive"
LIMIT: Final = "limit"
REFERENCES: Final = {NAIVE: "bench.references.naive:app", LIMIT: "bench.references.limit:app"}


@dataclass(frozen=True, slots=True)
class Process:
    """Where a contender answers, and the process that is measured."""

    port: int
    pid: int


@dataclass(frozen=True)
class Stage:
    """The running servers."""

    folder: Path
    cores: Cores
    parts: Mapping[str, Part]
    contenders: dict[str, Process]
    key: ECKey
    signer: AccessTokenSigner

    def token(self, person: UUID, username: str) -> str:
        """Sign a token as auth does."""
        return sign_token(self.signer, person, username)

    async def make_database(self, name: str) -> None:
        """Make one more database with the empty tables of posts."""
        step = self.parts[_MIGRATIONS]
        owner = in_database(name, step.environment[_OWNER])
        role = ServiceRole(SERVICE, self._app_url(name), owner)
        await provision(self.parts["postgres"].url or "", [role])
        environment = {**step.environment, _OWNER: owner}
        log = self.folder / f"{name}.log"
        await output_of(step.command, log, environment=environment, folder=step.cwd)

    @asynccontextmanager
    async def connection(self, database: str = DATABASE) -> AsyncIterator[Any]:
        """Open a superuser's connection to the tables of posts.

        Triggers are off, foreign keys among them: the rows are known to fit one another.
        """
        url = in_database(database, self.parts["postgres"].url or "")
        settings = {"search_path": SERVICE, "session_replication_role": "replica"}
        connection = await asyncpg.connect(url, server_settings=settings)
        try:
            yield connection
        finally:
            await connection.close()

    @asynccontextmanager
    async def more_app(self, *command: str, database: str = DATABASE) -> AsyncIterator[Process]:
        """Run one more app of posts, or a command that is one, while the block lasts."""
        part, port, name = self.parts[_MEASURED], free_port(), f"{SERVICE}-app-on-{database}"
        own = {"POSTS_PORT": str(port), "POSTS_DATABASE_URL": self._app_url(database)}
        with self.running(name, command or part.command, {**environment_of(part), **own}) as pid:
            await until_ready(answers(port), self.folder / f"{name}.log", name)
            yield Process(port, pid)

    def running(
        self, name: str, command: Sequence[str], environment: Mapping[str, str]
    ) -> AbstractContextManager[int]:
        """Run a process that is measured while the block lasts."""
        cwd, cores = self.parts[_MEASURED].cwd, self.cores.measured
        return running(command, self.folder / f"{name}.log", environment, cwd, cores)

    def _app_url(self, database: str) -> str:
        return in_database(database, self.parts[_MEASURED].environment["POSTS_DATABASE_URL"])


@asynccontextmanager
async def open_stage(cores: Cores) -> AsyncIterator[Stage]:
    """Start the servers in a folder that is gone afterwards."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="colonnade-bench-")))
        layout = Layout(ROOT, folder)
        settings = StackSettings(gateway_port=free_port(), mailbox_port=free_port())
        parts = {part.name: part for part in build_parts(layout, settings)}
        key = signing_key()
        pem = key.as_pem(private=True).decode()
        auth = parts[_ISSUER]
        parts[_ISSUER] = replace(auth, environment={**auth.environment, "AUTH_SIGNING_KEY": pem})
        signer = AccessTokenSigner(lambda _: key, settings.gateway_url, "colonnade", _TOKEN_SECONDS)
        contenders: dict[str, Process] = {}
        stage = Stage(folder, cores, parts, contenders, key, signer)
        for name in _PARTS:
            measured = name == _MEASURED
            pid = await start_part(
                parts[name], folder, cores.measured if measured else cores.others, stack
            )
            if measured:
                contenders[DIRECT] = Process(parts[name].port or 0, pid)
        contenders[OURS] = Process(settings.gateway_port, contenders[DIRECT].pid)
        for name, app in REFERENCES.items():
            contenders[name] = await _start_reference(stage, name, app, stack)
        yield stage


async def _start_reference(stage: Stage, name: str, app: str, stack: AsyncExitStack) -> Process:
    """Run a reference under uvicorn with one worker, the same loop and parser as ours, no log."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", app, "--port", str(port), "--no-access-log"]
    command += ["--log-level", "warning", "--loop", "uvloop", "--http", "httptools"]
    environment = stage.parts[_MEASURED].environment
    known = {
        "BENCH_DATABASE_URL": environment["POSTS_DATABASE_URL"],
        "BENCH_PUBLIC_KEY": stage.key.as_pem(private=False).decode(),
    }
    pid = stack.enter_context(stage.running(name, command, {**environment, **known}))
    await until_ready(_refuses_strangers(port), stage.folder / f"{name}.log", name)
    return Process(port, pid)


def _refuses_strangers(port: int) -> Any:
    """Return the probe of a reference, which has no route for probes."""

    async def probe(_log: str) -> bool:
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        writer.write(b"GET /api/v1/posts HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        return b" 401 " in answer.partition(b"\r\n")[0]

    return probe
