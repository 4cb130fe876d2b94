"""The pytest plugin that gives tests real servers: one PostgreSQL and one Valkey per run.

They start when a test first needs them, are shared by all xdist workers, and end with the run.
"""

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
import redis

from devstack.catalog import load_catalog
from devstack.databases import Databases, ServiceDatabase, empty
from devstack.servers import start_once, test_run
from devstack.valkey import ADMIN, BROKER, Valkey, passwords_for_tests

__all__ = ["Databases", "ServiceDatabase", "ValkeyDatabase", "empty"]
_RUN_VARIABLE = "DEVSTACK_TEST_RUN"


@dataclass(frozen=True, slots=True)
class ValkeyDatabase:
    """This xdist worker's two databases of the run's Valkey: streams, and Celery's keys."""

    server: Valkey
    number: int

    @property
    def url(self) -> str:
        """The administrator's URL of the database with the streams."""
        return self.server.url(ADMIN, self.number)

    @property
    def broker_url(self) -> str:
        """The broker user's URL of the database with Celery's keys."""
        return self.server.url(BROKER, self.number + 1)

    def streams_url(self, service: str) -> str:
        """The URL with the rights of `service`: it writes its own stream and reads all."""
        return self.server.url(service, self.number)

    def cache_url(self, service: str) -> str:
        """The URL with the rights of `service`: it counts its own limits."""
        return self.server.url(service, self.number)

    def flush(self) -> None:
        """Forget everything in both databases."""
        for number in (self.number, self.number + 1):
            with redis.Redis.from_url(self.server.url(ADMIN, number)) as client:
                client.flushdb()


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> Iterator[None]:
    """Give the run a directory of its own; xdist's workers find it in their environment."""
    if hasattr(config, "workerinput"):
        return (yield)
    directory = Path(tempfile.mkdtemp(prefix="colonnade-tests-"))
    with pytest.MonkeyPatch.context() as environment, test_run(directory):
        environment.setenv(_RUN_VARIABLE, str(directory))
        return (yield)


@pytest.fixture(scope="session")
def test_directory() -> Path:
    """The directory that all processes of this run share."""
    return Path(os.environ[_RUN_VARIABLE])


@pytest.fixture(scope="session")
def postgres_server(test_directory: Path) -> str:
    """The superuser's URL of the run's PostgreSQL."""
    return start_once(test_directory).postgres_url


@pytest.fixture(scope="session")
def valkey_server(test_directory: Path) -> Valkey:
    """The run's Valkey, shared by all xdist workers: prefer `valkey_database`."""
    port = start_once(test_directory).valkey_port
    users = passwords_for_tests(service.name for service in load_catalog())
    return Valkey(test_directory / "valkey", port, users)


@pytest.fixture(scope="session")
def valkey_database(valkey_server: Valkey, worker_id: str) -> ValkeyDatabase:
    """The two databases that belong to this xdist worker."""
    return ValkeyDatabase(valkey_server, 2 * _number(worker_id))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def service_database(
    postgres_server: str, test_directory: Path, worker_id: str
) -> AsyncIterator[Databases]:
    """Call it with a service's name for its migrated database, this xdist worker's own."""
    databases = Databases(postgres_server, test_directory, worker_id)
    yield databases
    await databases.close()


def _number(worker_id: str) -> int:
    return 0 if worker_id == "master" else int(worker_id.removeprefix("gw")) + 1
