"""A real pair for the command line: the app of users, and auth's log behind its internal routes."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
import respx
from fastapi import FastAPI

from common.cli.main import parser, run
from common.cli.services import Clients
from common.contracts import AccountRegistered, Event
from common.http.client import PeerClient
from common.testing.apps import client_of
from common.testing.keys import private_pem, public_pem
from common.testing.producers import Producer, open_producer, serve_producer
from common.tokens import InternalTokens
from devstack.fixtures import Databases, ValkeyDatabase
from users_service.consumers import COPIES, HANDLERS
from users_service.resources import Resources

type Colonnade = Callable[..., Awaitable[int]]


class Poison(Event):
    """What no handler of an account can read."""

    wire_name = AccountRegistered.wire_name


@pytest.fixture(scope="session")
def package() -> str:
    return "users_service"


@pytest.fixture
async def auth(
    service_database: Databases, valkey_database: ValkeyDatabase, resources: Resources
) -> AsyncIterator[Producer]:
    async with open_producer(
        "auth", service_database, valkey_database, resources, (HANDLERS, COPIES)
    ) as producer:
        yield producer


@pytest.fixture
async def clients(
    auth: Producer,
    app: FastAPI,
    resources: Resources,
    service_database: Databases,
    valkey_database: ValkeyDatabase,
) -> AsyncIterator[dict[str, PeerClient]]:
    """Both services as an operator reaches them; users reaches auth as well."""
    tokens = InternalTokens("users", private_pem("users"), {"users": public_pem("users")})
    async with AsyncExitStack() as stack:
        served = await stack.enter_async_context(
            serve_producer("auth", service_database, valkey_database)
        )
        router = await stack.enter_async_context(respx.mock(assert_all_called=False))
        router.route(url__startswith=resources.settings.peers["auth"].url).mock(
            side_effect=httpx.ASGITransport(served).handle_async_request
        )
        router.route().pass_through()
        opened = {"auth": client_of(served), "users": client_of(app)}
        yield {
            name: PeerClient(name, await stack.enter_async_context(client), tokens)
            for name, client in opened.items()
        }


@pytest.fixture
def colonnade(clients: Clients) -> Colonnade:
    """The command line as it runs in users' environment; returns the exit code."""

    async def call(*argv: Any) -> int:
        return await run(clients, parser().parse_args(["events", *map(str, argv)]))

    return call
