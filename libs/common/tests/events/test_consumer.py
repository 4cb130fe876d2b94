"""Every event takes effect exactly once in the producer's order, whatever Redis does."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from common.errors import Unavailable
from common.streams import Received
from libs.common.tests.events.bench import STREAM, Bench, Counted, Tx, record
from libs.common.tests.events.test_relay import other_life


async def test_events_take_effect_once_and_in_order(bench: Bench) -> None:
    await bench.relayed(*range(10))
    await bench.consume(bench.consumer())
    assert await bench.effects() == list(range(10))


async def test_a_run_of_events_on_the_stream_needs_no_look_at_the_log(bench: Bench) -> None:
    consumer = bench.consumer()
    relay = await bench.relayed(1)
    await bench.consume(consumer)
    asked = bench.log.asked
    await bench.relayed(2, 3, relay=relay)
    await bench.consume(consumer)
    assert bench.log.asked == asked
    assert await bench.effects() == [1, 2, 3]


async def test_an_outage_leaves_neither_effect_nor_progress(bench: Bench) -> None:
    away = True

    async def need_somebody(tx: Tx, event: Received[Counted]) -> None:
        await record(tx, event)
        if away and event.data.n == 2:
            raise Unavailable

    await bench.relayed(1, 2, 3)
    consumer = bench.consumer(need_somebody)
    with pytest.raises(Unavailable):
        await bench.consume(consumer)
    assert (await bench.effects(), await bench.parked()) == ([], [])
    away = False
    await bench.consume(consumer)
    assert await bench.effects() == [1, 2, 3]


async def test_a_batch_that_is_too_much_is_halved_until_it_is_not(bench: Bench) -> None:
    sizes: dict[int, int] = {}

    async def bear_three_at_a_time(tx: Tx, event: Received[Counted]) -> None:
        sizes[id(tx)] = sizes.get(id(tx), 0) + 1
        if sizes[id(tx)] > 3:
            raise Unavailable
        await record(tx, event)

    await bench.relayed(*range(40))
    consumer = bench.consumer(bear_three_at_a_time)
    failures = 0
    while len(await bench.effects()) < 40:
        sizes.clear()
        try:
            await consumer.step(block_seconds=0.01)
        except Unavailable:
            failures += 1
    assert await bench.effects() == list(range(40))
    # Down to what it bears, and then tried out with twice as many each time that it succeeded.
    assert 4 < failures < 30


async def test_two_replicas_apply_every_event_once(bench: Bench) -> None:
    await bench.relayed(*range(700))
    replicas = [bench.consumer(), bench.consumer()]
    await asyncio.gather(*(bench.consume(each) for each in replicas))
    assert await bench.effects() == list(range(700))


async def test_a_replica_without_the_lock_leaves_the_batch_to_the_other(bench: Bench) -> None:
    await bench.relayed(1)
    await bench.consume(bench.consumer())
    await bench.relayed(2)
    waiting = bench.consumer()
    async with bench.consumer_database.transaction() as other:
        await other.execute(text("SELECT 1 FROM stream_cursor FOR UPDATE"))
        assert await waiting.step(block_seconds=0.01) == 0
    await bench.consume(waiting)
    assert await bench.effects() == [1, 2]


async def test_a_wiped_stream_costs_nothing_but_a_look_at_the_log(bench: Bench) -> None:
    consumer = bench.consumer()
    relay = await bench.relayed(1, 2)
    await bench.consume(consumer)
    await bench.emit(3)
    await relay.assign()
    await bench.redis.flushdb()
    await bench.consume(consumer)
    assert await bench.effects() == [1, 2, 3]


async def test_a_gap_in_the_stream_is_filled_from_the_log(bench: Bench) -> None:
    consumer = bench.consumer()
    relay = await bench.relayed(1, 2)
    await bench.consume(consumer)
    await bench.relayed(3, 4, 5, relay=relay)
    await bench.redis.xdel(STREAM, "1-3")
    await bench.consume(consumer)
    assert await bench.effects() == [1, 2, 3, 4, 5]


async def test_entries_that_no_relay_wrote_are_ignored(bench: Bench) -> None:
    consumer = bench.consumer()
    await bench.relayed(1)
    await bench.consume(consumer)
    await bench.redis.xadd(STREAM, {"event": b'{"position": 2}'}, id="1-2")
    await bench.redis.xadd(STREAM, {"other": b"\xff"})
    await bench.emit(2)
    await bench.relay().assign()
    await bench.consume(consumer)
    assert await bench.effects() == [1, 2]


async def test_without_redis_events_come_from_the_log(bench: Bench) -> None:
    nowhere = Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.1)
    consumer = bench.consumer(redis=nowhere)
    await bench.emit(1, 2)
    await bench.relay().assign()
    await bench.consume(consumer)
    assert await bench.effects() == [1, 2]
    await nowhere.aclose()


async def test_a_rewound_stream_repeats_nothing(bench: Bench) -> None:
    consumer = bench.consumer()
    await bench.relayed(1, 2, 3)
    await bench.consume(consumer)
    entries: Any = await bench.redis.xrange(STREAM, count=1)
    await bench.redis.delete(STREAM)
    await bench.redis.xadd(STREAM, entries[0][1], id=entries[0][0])
    await bench.relayed(4)
    await bench.consume(consumer)
    assert await bench.effects() == [1, 2, 3, 4]


async def test_events_that_a_restore_took_away_are_replaced_from_where_it_began(
    bench: Bench,
) -> None:
    consumer = bench.consumer()
    await bench.relayed(1, 2, 3)
    await bench.consume(consumer)
    await other_life(bench, lost_after=1)
    await bench.relayed(40, 50, 60, 70)
    await bench.consume(consumer)
    assert await bench.effects() == [1, 2, 3, 40, 50, 60, 70]
    assert await bench.cursor() == "2-5"
    assert await bench.lost() == [("ghosts", 1, 2, 3)]


async def test_after_a_second_restore_of_one_backup_no_event_is_passed_over(bench: Bench) -> None:
    consumer = bench.consumer()
    await bench.relayed(1)
    await bench.consume(consumer)
    for numbers in ((2, 3), (4, 5, 6)):
        await other_life(bench, lost_after=1)
        await bench.relayed(*numbers)
        await bench.consume(consumer)
    assert await bench.effects() == [1, 2, 3, 4, 5, 6]
    assert await bench.lost() == [("ghosts", 2, 2, 3)]


async def test_an_event_type_without_a_handler_is_passed_over(bench: Bench) -> None:
    consumer = bench.consumer()
    async with bench.producer.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO outbox (event_id, type, key, payload, headers) "
                "VALUES (gen_random_uuid(), 'ledger.other.v1', 'a', '{}', '{}')"
            )
        )
    await bench.relayed(1)
    await bench.consume(consumer)
    assert await bench.effects() == [1]
