"""The servers of one run: the part of `make up` that the routes of posts need, and the references.

Each process is started by the command and the environment that `make up` starts it with; only the
log is the JSON of production. Whatever answers requests has one core, all else the others.
"""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import asyncpg
from joserfc.jwk import ECKey

from auth_service.models import Account
from auth_service.usecases.keys import AccessTokenSigner
from bench.machine import ROOT, Cores
from bench.processes import output_of, spawn, stop, tail
from common.db.provision import ServiceRole, provision
from common.ids import new_id
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
_PROBES: Final = 1_000
_PAUSE_SECONDS: Final = 0.05
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
        now = datetime.now(UTC)
        account = Account(id=person, username=username, roles=[])
        return self.signer.sign(account, session_id=new_id(), auth_time=now, amr=["pwd"], now=now)

    async def make_database(self, name: str) -> None:
        """Make one more database with the empty tables of posts."""
        step = self.parts[_MIGRATIONS]
        owner = _in(name, step.environment[_OWNER])
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
        url = _in(database, self.parts["postgres"].url or "")
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
        with _running(name, command or part.command, {**_environment(part), **own}, self) as pid:
            await _until_ready(answers(port), self.folder / f"{name}.log", name)
            yield Process(port, pid)

    def _app_url(self, database: str) -> str:
        return _in(database, self.parts[_MEASURED].environment["POSTS_DATABASE_URL"])


@asynccontextmanager
async def open_stage(cores: Cores) -> AsyncIterator[Stage]:
    """Start the servers in a folder that is gone afterwards."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="colonnade-bench-")))
        layout = Layout(ROOT, folder)
        settings = StackSettings(gateway_port=free_port(), mailbox_port=free_port())
        parts = {part.name: part for part in build_parts(layout, settings)}
        key = _signing_key()
        pem = key.as_pem(private=True).decode()
        auth = parts[_ISSUER]
        parts[_ISSUER] = replace(auth, environment={**auth.environment, "AUTH_SIGNING_KEY": pem})
        signer = AccessTokenSigner(lambda _: key, settings.gateway_url, "colonnade", _TOKEN_SECONDS)
        contenders: dict[str, Process] = {}
        stage = Stage(folder, cores, parts, contenders, key, signer)
        for name in _PARTS:
            pid = await _start(stage, parts[name], stack)
            if name == _MEASURED:
                contenders[DIRECT] = Process(parts[name].port or 0, pid)
        contenders[OURS] = Process(settings.gateway_port, contenders[DIRECT].pid)
        for name, app in REFERENCES.items():
            contenders[name] = await _start_reference(stage, name, app, stack)
        yield stage


async def _start(stage: Stage, part: Part, stack: AsyncExitStack) -> int:
    log = stage.folder / f"{part.name}.log"
    others = stage.cores.others
    if part.is_step:
        command, environment = part.command, part.environment
        await output_of(command, log, environment=environment, folder=part.cwd, cores=others)
        return 0
    cores = stage.cores.measured if part.name == _MEASURED else others
    environment = _environment(part)
    process = spawn(
        part.command, log, ends_by=part.stop_signal, environment=environment, folder=part.cwd,
        cores=cores,
    )  # fmt: skip
    stack.callback(stop, process, part.stop_signal)
    await _until_ready(part.ready, log, part.name)
    return process.pid


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
    pid = stack.enter_context(_running(name, command, {**environment, **known}, stage))
    await _until_ready(_refuses_strangers(port), stage.folder / f"{name}.log", name)
    return Process(port, pid)


@contextmanager
def _running(
    name: str, command: Any, environment: Mapping[str, str], stage: Stage
) -> Iterator[int]:
    """Run a process that is measured while the block lasts."""
    process = spawn(
        command, stage.folder / f"{name}.log", environment=environment,
        folder=stage.parts[_MEASURED].cwd, cores=stage.cores.measured,
    )  # fmt: skip
    try:
        yield process.pid
    finally:
        stop(process)


async def _until_ready(probe: Any, log: Path, what: str) -> None:
    for _ in range(_PROBES):
        if await _is_ready(probe, log):
            return
        await asyncio.sleep(_PAUSE_SECONDS)
    raise TimeoutError(f"{what} is not ready after {_PROBES} probes:\n{tail(log)}")


async def _is_ready(probe: Any, log: Path) -> bool:
    # A probe answers False or fails while its part is not there yet.
    with suppress(OSError):
        return bool(await probe(tail(log)))
    return False


def _refuses_strangers(port: int) -> Any:
    """Return the probe of a reference, which has no route for probes."""

    async def probe(_log: str) -> bool:
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        writer.write(b"GET /api/v1/posts HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        return b" 401 " in answer.partition(b"\r\n")[0]

    return probe


def _signing_key() -> ECKey:
    """Make the key that auth finds in its settings and makes its first one, under the same id."""
    key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"})
    key.ensure_kid()
    return key


def _environment(part: Part) -> dict[str, str]:
    """Return the environment of a part; its log is that of production."""
    service = part.name.partition("-")[0].upper()
    return {**part.environment, f"{service}_LOG_FORMAT": "json"}


def _in(database: str, url: str) -> str:
    """Return the URL of another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))
