"""A checkout of its own: two small services that need what real ones need, and no more."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.control import Stack, running_stack
from devstack.fixtures import ValkeyDatabase
from devstack.layout import Layout
from devstack.postgres import running_postgres
from devstack.processes import free_port
from devstack.settings import StackSettings

CATALOG = """
[[service]]
name = "library"
processes = ["app", "worker"]
routes = ["/api/v1/library"]
emits = true
consumes = []
calls = []

[[service]]
name = "museum"
processes = ["app"]
routes = ["/api/v1/museum"]
emits = false
consumes = ["library"]
calls = []
"""
# Answers every path, runs a child of its own, and needs its settings.
PROCESS = """
import http.server, os, pathlib, subprocess, sys

PREFIX = "{prefix}_"
settings = {{name: os.environ[PREFIX + name] for name in (
    "PORT", "DATABASE_URL", "STREAMS_URL", "INTERNAL_PRIVATE_KEY", "PEERS", "TOKEN_ISSUER")}}

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{answer}")

if __name__ == "__main__":
    subprocess.Popen(["sleep", "1000"], start_new_session=True)
    print("environment:", *sorted(os.environ), flush=True)
    address = ("127.0.0.1", int(settings["PORT"]))
    http.server.ThreadingHTTPServer(address, Answer).serve_forever()
"""
ENV = """
import asyncio, os, asyncpg

async def migrate():
    connection = await asyncpg.connect(os.environ["{prefix}_MIGRATION_DATABASE_URL"])
    await connection.execute(open("migrations/schema.sql").read())
    await connection.close()

asyncio.run(migrate())
"""
ALEMBIC = "[alembic]\nscript_location = migrations\npath_separator = os\n"


def write_service(root: Path, name: str, processes: tuple[str, ...]) -> Path:
    """A service whose migration runs plain SQL; returns its folder."""
    folder = root / "services" / name
    package = folder / "src" / f"{name}_service"
    migrations = folder / "migrations"
    for each in (package, migrations):
        each.mkdir(parents=True)
    (package / "__init__.py").touch()
    for process in processes:
        module = PROCESS.format(prefix=name.upper(), answer=f"{name} {process}")
        (package / f"{process}.py").write_text(module)
    (folder / "alembic.ini").write_text(ALEMBIC)
    (migrations / "env.py").write_text(ENV.format(prefix=name.upper()))
    (migrations / "schema.sql").write_text("SELECT 1")
    return folder


@pytest.fixture(scope="session")
def own_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The superuser's URL of a server for this worker alone: the stacks here share role names."""
    with running_postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server.url


def make_layout(root: Path, environment: pytest.MonkeyPatch) -> Layout:
    """A checkout with the services `library` and `museum`, made current by the environment."""
    (root / "colonnade.toml").write_text(CATALOG)
    (root / "libs" / "common" / "src").mkdir(parents=True)
    folders = [
        write_service(root, "library", ("app", "worker")),
        write_service(root, "museum", ("app",)),
    ]
    environment.setenv("PYTHONPATH", os.pathsep.join(str(each / "src") for each in folders))
    environment.setenv("COLONNADE_ROOT", str(root))
    environment.setenv("COLONNADE_STATE", str(root / ".devstack"))
    environment.setenv("GATEWAY_PORT", str(free_port()))
    environment.setenv("MAILBOX_PORT", str(free_port()))
    return Layout.current()


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    return make_layout(tmp_path, monkeypatch)


@pytest.fixture
def stack(layout: Layout) -> Iterator[Stack]:
    """The stack of `layout`, not started; nothing of it outlives the test."""
    stack = Stack(layout)
    yield stack
    stack.stop()


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, own_postgres: str, valkey_database: ValkeyDatabase
) -> Iterator[Stack]:
    """A stack on servers of the tests; each test leaves all of it ready."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DATABASE_URL", own_postgres)
        environment.setenv("REDIS_URL", valkey_database.url)
        layout = make_layout(tmp_path_factory.mktemp("checkout"), environment)
        with running_stack(layout, StackSettings.read()) as stack:
            yield stack


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that this process listens on."""
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        yield port
