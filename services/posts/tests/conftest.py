"""The app under test is posts; `users` is the producer that it listens to."""

from collections.abc import AsyncIterator

import pytest

from common.testing.producers import Producer, open_producer
from devstack.fixtures import Databases, ValkeyDatabase
from posts_service.consumers import COPIES, HANDLERS
from posts_service.resources import Resources


@pytest.fixture(scope="session")
def package() -> str:
    return "posts_service"


@pytest.fixture
async def users(
    service_database: Databases, valkey_database: ValkeyDatabase, resources: Resources
) -> AsyncIterator[Producer]:
    """Users' own log and relay, and the consumer of this service behind them."""
    async with open_producer(
        "users", service_database, valkey_database, resources, (HANDLERS, COPIES)
    ) as producer:
        yield producer
