"""The safety net of notifier's worker: mail that Celery left behind is sent all the same."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest

from common.clock import utc_now
from notifier_service.resources import Resources
from notifier_service.worker import drain_overdue
from services.notifier.tests.factories import change_emails, hear, known_address
from services.notifier.tests.sink import Sink


@asynccontextmanager
async def safety_net(resources: Resources) -> AsyncIterator[None]:
    task = asyncio.create_task(drain_overdue(resources))
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(("overdue_seconds", "sent"), [(9, 0), (11, 1)])
async def test_mail_that_celery_left_for_ten_seconds_is_sent(
    resources: Resources, sink: Sink, overdue_seconds: int, sent: int
) -> None:
    await hear(resources, known_address())
    await change_emails(resources, next_at=utc_now() - timedelta(seconds=overdue_seconds))
    async with safety_net(resources):
        await asyncio.sleep(0.6)
        assert len(sink.messages) == sent


async def test_mail_is_sent_within_seconds_while_nobody_hears_the_bell(
    resources: Resources, sink: Sink
) -> None:
    await hear(resources, known_address())
    await resources.doorbell.rung()
    resources.doorbell.unheard = True
    async with safety_net(resources):
        await asyncio.sleep(3)
    resources.doorbell.unheard = False
    assert len(sink.messages) == 1
