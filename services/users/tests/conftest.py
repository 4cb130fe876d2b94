"""The app under test is users; `auth` is the producer that it listens to."""

from collections.abc import AsyncIterator

import pytest

from common.testing.producers import Producer, open_producer
from devstack.fixtures import Databases, ValkeyDatabase
from users_service.consumers import COPIES, HANDLERS
from users_service.resources import Resources


@pytest.fixture(scope="session")
def package() -> str:
    return "users_service"


@pytest.fixture
async def auth(
    service_database: Databases, valkey_database: ValkeyDatabase, resources: Resources
) -> AsyncIterator[Producer]:
    """Auth's own log and relay, and the consumer of this service behind them."""
    async with open_producer(
        "auth", service_database, valkey_database, resources, (HANDLERS, COPIES)
    ) as producer:
        yield producer
