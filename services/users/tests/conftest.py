"""The app under test is users; `auth` is the producer that it listens to."""

from collections.abc import AsyncIterator

import pytest

from common.db import open_database
from common.platform import open_streams
from common.settings import DatabaseSettings, StreamSettings
from devstack.fixtures import Databases, ValkeyDatabase
from services.users.tests.factories import Producer
from users_service.resources import Resources


@pytest.fixture(scope="session")
def package() -> str:
    return "users_service"


@pytest.fixture
async def auth(
    service_database: Databases, valkey_database: ValkeyDatabase, resources: Resources
) -> AsyncIterator[Producer]:
    """Auth's own log and relay, and the consumer of this service behind them."""
    found = service_database("auth")
    database_settings = DatabaseSettings(database_url=found.app_url)
    streams_settings = StreamSettings(streams_url=valkey_database.streams_url("auth"))
    async with (
        open_database(database_settings) as database,
        open_streams(streams_settings) as streams,
    ):
        producer = Producer(database, streams, resources)
        await producer.start()
        yield producer
    await found.empty()
