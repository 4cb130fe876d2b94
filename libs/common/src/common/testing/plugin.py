"""The pytest plugin of every test: a service's app with real servers, and tokens for it.

A service's conftest.py overrides `package` (and `more_settings` where it has settings without a
default); a test that takes `app` or `client` finds the tables empty.

Fixtures that depend on `package` last for one test: pytest would hand the first service's to all.
"""

import importlib
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any, cast

import httpx
import pytest
import pytest_asyncio
import structlog
from fastapi import FastAPI

from common.settings import ServiceSettings
from common.testing.apps import client_of, running, settings_values
from common.testing.keys import mint_internal_token, mint_user_token
from common.testing.otlp import Receiver
from devstack.catalog import load_catalog
from devstack.fixtures import Databases, ServiceDatabase, ValkeyDatabase

__all__ = ["mint_internal_token", "mint_user_token"]

pytest.register_assert_rewrite(
    "common.testing.answers", "common.testing.callers", "common.testing.conformance"
)


def pytest_configure(config: pytest.Config) -> None:
    """Make known what `pytest_collection_modifyitems` looks for."""
    config.addinivalue_line("markers", "long: takes seconds, and is begun before what does not")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long: else one worker ends with it, and the others have nothing."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(autouse=True, scope="session")
def quiet_logs() -> Iterator[None]:
    """Show logs as plain lines: the default prints the local variables of each traceback."""
    renderer = structlog.dev.ConsoleRenderer(
        colors=False, exception_formatter=structlog.dev.plain_traceback
    )
    structlog.configure(processors=[structlog.processors.add_log_level, renderer])
    yield
    structlog.reset_defaults()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of spans that has heard nothing yet."""
    with Receiver() as started:
        yield started


@pytest.fixture(scope="session")
def package() -> str:
    """The import name of the service under test."""
    pytest.fail("conftest.py must override the fixture `package`")


@pytest.fixture(scope="session")
def more_settings() -> dict[str, Any]:
    """Settings of the service under test beyond those that all have."""
    return {}


@pytest.fixture
def service(package: str) -> str:
    """The name of the service under test."""
    return package.removesuffix("_service")


@pytest.fixture
def database(service: str, service_database: Databases) -> ServiceDatabase:
    """The migrated database of the service under test."""
    return service_database(service)


@pytest.fixture
def settings(
    package: str,
    service: str,
    database: ServiceDatabase,
    valkey_database: ValkeyDatabase,
    more_settings: dict[str, Any],
) -> ServiceSettings:
    """The settings of the service under test."""
    values = settings_values(
        service,
        database_url=database.app_url,
        streams_url=valkey_database.streams_url(service),
        cache_url=valkey_database.cache_url(service),
        peers=[known.name for known in load_catalog()],
        **more_settings,
    )
    settings_type = importlib.import_module(f"{package}.settings").Settings
    return cast("ServiceSettings", settings_type(**values))


class RunningApps:
    """The apps of this xdist worker, by package: one run tests several services."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._apps: dict[str, FastAPI] = {}

    async def get(self, package: str, settings: ServiceSettings) -> FastAPI:
        """Return the app of a service, started when it is first asked for."""
        if package not in self._apps:
            create_app = importlib.import_module(f"{package}.app").create_app
            self._apps[package] = await self._stack.enter_async_context(
                running(create_app(settings))
            )
        return self._apps[package]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def running_apps() -> AsyncIterator[RunningApps]:
    """The apps that were started; they end with the run."""
    async with AsyncExitStack() as stack:
        yield RunningApps(stack)


@pytest_asyncio.fixture
async def app(
    package: str,
    settings: ServiceSettings,
    running_apps: RunningApps,
    database: ServiceDatabase,
    valkey_database: ValkeyDatabase,
) -> AsyncIterator[FastAPI]:
    """The running app; what the test leaves in PostgreSQL and Valkey is removed."""
    yield await running_apps.get(package, settings)
    await database.empty()
    valkey_database.flush()


@pytest.fixture
def resources(app: FastAPI) -> Any:
    """What the app opened: the way into the service below HTTP."""
    return app.state.resources


@pytest_asyncio.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the app, without a token."""
    async with client_of(app) as opened:
        yield opened
