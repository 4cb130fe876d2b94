"""What an operator records takes effect in a consumer that runs, and its figures are true."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from prometheus_client import REGISTRY
from sqlalchemy import text

from common.clock import utc_now
from common.outbox.gauges import measure_outbox
from common.streams import Bootstrap, Consumer, Copies, Copy, Effects
from common.streams.gauges import measure_consumers
from common.streams.operations import (
    list_consumers,
    request_bootstrap,
    retry_parked,
    rewind_cursor,
)
from libs.common.tests.events.bench import (
    Bench,
    Counted,
    Tx,
    copy_number,
    forget_numbers,
    record_and_copy,
)
from libs.common.tests.events.test_parking import Poison

LEDGER = {"producer": "ledger"}


@asynccontextmanager
async def running(*loops: Any) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def eventually(reached: Callable[[], Any], seconds: float) -> None:
    """Wait until an asynchronous probe is true."""
    for _ in range(int(seconds / 0.05)):
        if await reached():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"not within {seconds} s")


def figure(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"colonnade_{name}", LEDGER | labels)


async def rewind(bench: Bench, position: int) -> None:
    async with bench.transaction() as tx:
        await rewind_cursor(tx.session, producer="ledger", position=position)


def bootstrap(bench: Bench) -> Bootstrap[Tx]:
    copies: Copies[Tx] = {Counted: Copy(copy_number, forget_numbers)}
    return Bootstrap("ledger", copies, bench.handling(), bench.transaction, bench.log)


async def test_a_running_consumer_notices_a_rewind_without_any_event(bench: Bench) -> None:
    await bench.relayed(0, 1, 2)
    async with running(bench.consumer().run()):

        async def has_applied(*numbers: int) -> bool:
            return await bench.effects() == list(numbers)

        await eventually(lambda: has_applied(0, 1, 2), 10)
        await asyncio.sleep(0.2)
        await rewind(bench, 1)
        await eventually(lambda: has_applied(0, 1, 2, 1, 2), 4)


async def test_a_busy_consumer_goes_on_from_where_it_was_rewound_to(bench: Bench) -> None:
    consumer = bench.consumer()
    relay = await bench.relayed(0, 1)
    await bench.consume(consumer)
    await rewind(bench, 0)
    await bench.relayed(2, relay=relay)
    assert await consumer.step(block_seconds=0.01) == 0
    await bench.consume(consumer)
    assert await bench.effects() == [0, 1, 0, 1, 2]


async def test_a_rewind_into_an_older_epoch_applies_each_event_again(bench: Bench) -> None:
    consumer = bench.consumer()
    await bench.relayed(0, 1)
    async with bench.producer.transaction() as session:
        await session.execute(text("UPDATE stream_head SET server_started_at = NULL"))
    await bench.relayed(2, 3)
    await bench.consume(consumer)
    await rewind(bench, 1)
    await bench.consume(consumer)
    assert await bench.effects() == [0, 1, 2, 3, 1, 2, 3]
    assert await bench.lost() == []


async def test_a_wish_rebuilds_the_copies_and_nothing_else(bench: Bench) -> None:
    consumer = bench.consumer(record_and_copy)
    await bench.relayed(1, 2, 3)
    await bench.consume(consumer)
    bench.log.state = {1, 2, 3}
    async with bench.transaction() as tx:
        await tx.session.execute(text("DELETE FROM copies WHERE n = 2"))
        await tx.session.execute(text("INSERT INTO copies VALUES (9, 1, 1)"))
        await request_bootstrap(tx.session, producer="ledger", now=utc_now())

    async def is_rebuilt() -> bool:
        async with bench.transaction() as tx:
            (state,) = await list_consumers(tx.session)
        return state.bootstrap_requested_at is None

    async with running(bootstrap(bench).run_wishes()):
        await eventually(is_rebuilt, 5)
    assert await bench.copies() == {1, 2, 3}
    assert await bench.effects() == [1, 2, 3]
    assert await bench.cursor() == await bench.head()
    assert not await bootstrap(bench).grant_wish()


async def test_an_operators_retry_outlives_the_last_attempt_that_fails_meanwhile(
    bench: Bench,
) -> None:
    await bench.relayed(0)
    await bench.consume(bench.consumer(Poison(0)))
    await bench.make_due()
    async with bench.transaction() as tx:
        await tx.session.execute(text("UPDATE parked_events SET attempts = 5"))
    failed = False

    @asynccontextmanager
    async def transaction() -> AsyncIterator[Tx]:
        nonlocal failed
        async with bench.transaction() as tx:
            if failed:
                await retry_parked(
                    tx.session, producer="ledger", event_id=None, key=None, now=utc_now()
                )
            failed = True
            yield tx

    assert await Effects("ledger", {Counted: Poison(0)}, transaction).retry()
    assert await bench.parked() == [(0, 0, True)]


async def test_workers_show_what_operators_ask_for(bench: Bench) -> None:
    consumer = bench.consumer(Poison(1))
    await bench.relayed(0, 1, 4, 2)
    await bench.emit(5)
    await bench.consume(consumer)
    async with bench.transaction() as tx:
        lost = "INSERT INTO lost_ranges VALUES ('ledger', 1, 3, 4, 'ghosts')"
        await tx.session.execute(text(lost))
    loops = measure_consumers(bench.transaction), measure_outbox("ledger", bench.producer)
    async with running(*loops):

        async def is_measured() -> bool:
            return figure("outbox_depth") == 1 and figure("parked_events") == 2

        await eventually(is_measured, 5)
    assert figure("parked_keys") == 1
    assert figure("lost_ranges", kind="ghosts") == 1
    assert (figure("lost_range_timestamp_seconds", kind="ghosts") or 0) > 1e9
    assert figure("event_log_head") == figure("consumer_position") == figure("consumer_head") == 4
    assert 0 < (figure("outbox_oldest_seconds") or 0) < 60


async def test_the_age_grows_while_events_wait_and_falls_when_they_are_applied(
    bench: Bench,
) -> None:
    consumer: Consumer = bench.consumer()
    await asyncio.sleep(0.3)
    waiting = figure("consumer_oldest_seconds")
    assert waiting is not None
    assert waiting >= 0.3
    await bench.relayed(0)
    began = time.time()
    await bench.consume(consumer)
    applied = figure("consumer_oldest_seconds")
    assert applied is not None
    assert applied <= time.time() - began
