"""The servers of one test run: a PostgreSQL and a Valkey that never outlive the run.

A process of their own holds them: however the run ends, they are stopped and their data removed.
"""

import fcntl
import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from devstack.catalog import load_catalog
from devstack.postgres import running_postgres
from devstack.processes import end, has_ended, spawn_detached, wait_until
from devstack.valkey import running_valkey

_RUN_LOCK = "run.lock"
_START_LOCK = "start.lock"
_ADDRESSES = "servers.json"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the run's servers are, and the process that holds them."""

    holder: int
    postgres_url: str
    valkey_port: int


@contextmanager
def test_run(directory: Path) -> Iterator[None]:
    """The life of a run, for its main process: the servers in `directory` end with it."""
    with locked(directory / _RUN_LOCK):
        yield
    if (directory / _ADDRESSES).exists():
        holder = _read(directory).holder
        if psutil.pid_exists(holder):
            end([psutil.Process(holder)], grace_seconds=30)
    shutil.rmtree(directory, ignore_errors=True)


def start_once(directory: Path) -> Addresses:
    """Start both servers unless another process of the run did; say where they are."""
    with locked(directory / _START_LOCK):
        if not (directory / _ADDRESSES).exists():
            _start(directory)
        return _read(directory)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock `path` exclusively; it ends with the process too."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def serve(directory: Path) -> None:
    """Hold both servers until the run gives up its lock or SIGTERM arrives."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        postgres = stack.enter_context(running_postgres(directory))
        services = tuple(service.name for service in load_catalog())
        valkey = stack.enter_context(running_valkey(directory, services))
        addresses = Addresses(os.getpid(), postgres.url, valkey.port)
        draft = directory / f"{_ADDRESSES}.new"
        draft.write_text(json.dumps(asdict(addresses)), encoding="utf-8")
        draft.rename(directory / _ADDRESSES)
        with locked(directory / _RUN_LOCK):
            return


def _start(directory: Path) -> None:
    log = directory / "servers.log"
    environment = dict(os.environ)
    holder = spawn_detached("devstack.servers", str(directory), log=log, environment=environment)

    def started() -> bool:
        if (directory / _ADDRESSES).exists():
            return True
        if has_ended(holder):
            raise OSError(log.read_text(encoding="utf-8"))
        return False

    wait_until(started, seconds=60, what=f"the servers of the tests ({log})")


def _read(directory: Path) -> Addresses:
    return Addresses(**json.loads((directory / _ADDRESSES).read_text(encoding="utf-8")))


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
