"""The app under test is notifier; auth's links are mocked, the mail server is a real one."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import respx
from fastapi import FastAPI

from devstack.fixtures import ValkeyDatabase
from notifier_service.resources import Resources
from notifier_service.settings import Settings
from services.notifier.tests.factories import Links
from services.notifier.tests.sink import Sink


@pytest.fixture(scope="session")
def package() -> str:
    return "notifier_service"


@pytest.fixture(scope="session")
def mail_server() -> Iterator[Sink]:
    """A mail server that lasts as long as the settings that name its port."""
    sink = Sink()
    sink.start()
    yield sink
    sink.stop()


@pytest.fixture(scope="session")
def more_settings(mail_server: Sink, valkey_database: ValkeyDatabase) -> dict[str, Any]:
    return {"broker_url": valkey_database.broker_url, "smtp_port": mail_server.port}


@pytest.fixture
def sink(mail_server: Sink) -> Iterator[Sink]:
    """The mail server, empty and willing."""
    mail_server.forget()
    yield mail_server
    mail_server.forget()


@pytest.fixture
def links(settings: Settings, respx_mock: respx.MockRouter) -> Links:
    """Auth, as far as it knows links."""
    return Links(settings.peers["auth"].url, respx_mock)


@pytest.fixture
async def resources(app: FastAPI) -> AsyncIterator[Resources]:
    """What the app opened; a ring of the test ends before the queues are emptied."""
    opened: Resources = app.state.resources
    yield opened
    await opened.doorbell.rung()
