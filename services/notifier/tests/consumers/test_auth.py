"""What becomes of auth's events: one row of mail each, and a ring after the commit."""

from collections.abc import AsyncIterator

import pytest
import redis
from pydantic import SecretStr

from common.testing.producers import Producer, open_producer
from common.trace import bind
from devstack.fixtures import Databases, ValkeyDatabase
from notifier_service.clients.queue import open_doorbell
from notifier_service.consumers import COPIES, HANDLERS
from notifier_service.resources import Resources
from notifier_service.unit_of_work import Tx
from services.notifier.tests.factories import (
    apply,
    email,
    emails,
    hear,
    known_address,
    verification,
)


@pytest.fixture
async def auth(
    service_database: Databases, valkey_database: ValkeyDatabase, resources: Resources
) -> AsyncIterator[Producer]:
    """Auth's own log and relay, and the consumer of this service behind them."""
    async with open_producer(
        "auth", service_database, valkey_database, resources, (HANDLERS, COPIES)
    ) as producer:
        yield producer


def rings(valkey: ValkeyDatabase) -> int:
    """How many tasks wait for Celery."""
    with redis.Redis.from_url(valkey.broker_url) as client:
        return int(client.llen("mail"))


async def test_a_request_for_verification_asks_for_a_mail(
    auth: Producer, resources: Resources
) -> None:
    event = verification("ada@example.test", "ada")
    with bind({"X-Request-ID": "from-the-client"}):
        await auth.says(event)
    await auth.is_heard()
    row = await email(resources)
    assert (row.template, row.recipient, row.link_id) == (
        "verify_email",
        "ada@example.test",
        event.link_id,
    )
    assert (row.context, row.status) == ({"username": "ada"}, "pending")
    assert row.trace["X-Request-ID"] == "from-the-client"


async def test_each_event_asks_for_one_mail_however_often_it_comes(
    auth: Producer, resources: Resources
) -> None:
    for event in (verification(), known_address(), known_address()):
        await auth.says(event)
    await auth.is_heard()
    asked = {row.id for row in await emails(resources)}
    await auth.rewind()
    assert len(asked) == 3
    assert {row.id for row in await emails(resources)} == asked


async def test_the_bell_rings_once_the_mail_is_there(
    resources: Resources, valkey_database: ValkeyDatabase
) -> None:
    async with resources.transaction() as tx:
        await apply(tx, known_address(), 1)
        await resources.doorbell.rung()
        assert rings(valkey_database) == 0
    await resources.doorbell.rung()
    assert rings(valkey_database) == 1
    assert not resources.doorbell.unheard


async def test_the_bell_does_not_ring_without_new_mail(
    resources: Resources, valkey_database: ValkeyDatabase
) -> None:
    async def fail(tx: Tx) -> None:
        await apply(tx, known_address(), 1)
        raise LookupError

    with pytest.raises(LookupError):
        async with resources.transaction() as tx:
            await fail(tx)
    async with resources.transaction():
        pass
    await resources.doorbell.rung()
    assert rings(valkey_database) == 0


async def test_many_rings_at_once_are_few_tasks(
    resources: Resources, valkey_database: ValkeyDatabase
) -> None:
    for _ in range(100):
        resources.doorbell.ring({})
    await resources.doorbell.rung()
    assert 1 <= rings(valkey_database) <= 2


async def test_a_broker_that_is_away_costs_nothing_but_is_noticed(resources: Resources) -> None:
    settings = resources.settings.model_copy(
        update={"broker_url": SecretStr("redis://127.0.0.1:1/1")}
    )
    async with open_doorbell(settings) as doorbell:
        doorbell.ring({})
        await doorbell.rung()
        assert doorbell.unheard
    await hear(resources, known_address())
    assert len(await emails(resources)) == 1
