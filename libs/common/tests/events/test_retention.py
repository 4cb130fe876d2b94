"""The log forgets what nobody needs; who comes later rebuilds copies and learns what is gone."""

from datetime import UTC, datetime, timedelta

import pytest

from common.outbox import Retention, read_log, register_reader
from common.outbox.log import CursorAhead, EpochPending, EventsGone
from common.place import Place
from libs.common.tests.events.bench import Bench, record_and_copy
from libs.common.tests.events.test_relay import other_life

DAYS = timedelta(days=1)


async def forget(bench: Bench, *, after: timedelta) -> None:
    await Retention(bench.producer).forget(now=datetime.now(UTC) + after)


async def register(bench: Bench, position: int) -> None:
    async with bench.producer.reads() as connection:
        await register_reader(connection, name="slow", cursor=Place(1, position))


@pytest.mark.parametrize(("age", "left"), [(6 * DAYS, [1, 2, 3]), (8 * DAYS, [3]), (31 * DAYS, [])])
async def test_events_stay_a_week_and_for_the_slowest_reader_a_month(
    bench: Bench, age: timedelta, left: list[int]
) -> None:
    await bench.relayed(1, 2, 3)
    await register(bench, 2)
    await forget(bench, after=age)
    assert await bench.log_numbers() == left


async def test_without_readers_a_week_is_enough(bench: Bench) -> None:
    await bench.relayed(1, 2)
    await forget(bench, after=8 * DAYS)
    assert await bench.log_numbers() == []


@pytest.mark.parametrize("after", [Place(0, 0), Place(1, 1)])
async def test_who_asks_for_what_is_gone_is_told_where_the_log_begins(
    bench: Bench, after: Place
) -> None:
    relay = await bench.relayed(1, 2, 3)
    await forget(bench, after=8 * DAYS)
    async with bench.producer.reads() as connection:
        with pytest.raises(EventsGone) as gone:
            await read_log(connection, after=after, limit=10)
    assert gone.value.fields == {
        "resume_at": after.position + 1,
        "first_epoch": 1,
        "first_position": 4,
    }
    await bench.relayed(4, relay=relay)
    async with bench.producer.reads() as connection:
        with pytest.raises(EventsGone) as gone:
            await read_log(connection, after=after, limit=10)
    assert gone.value.fields == {
        "resume_at": after.position + 1,
        "first_epoch": 1,
        "first_position": 4,
    }


async def test_an_empty_log_gives_positions_on_and_the_stream_follows(bench: Bench) -> None:
    relay = await bench.relayed(1, 2)
    await forget(bench, after=8 * DAYS)
    await bench.relayed(3, relay=relay)
    assert await bench.stream_top() == "1-3"


async def test_a_cursor_beyond_the_head_is_a_conflict(bench: Bench) -> None:
    await bench.relayed(1)
    async with bench.producer.reads() as connection:
        with pytest.raises(CursorAhead):
            await read_log(connection, after=Place(1, 2), limit=10)


async def test_after_a_restore_a_cursor_beyond_the_head_waits_for_the_epoch(
    bench: Bench,
) -> None:
    await bench.relayed(1, 2, 3)
    await other_life(bench, lost_after=1)
    async with bench.producer.reads() as connection:
        with pytest.raises(EpochPending):
            await read_log(connection, after=Place(1, 3), limit=10)


async def test_a_consumer_past_retention_rebuilds_copies_and_reports_the_rest(
    bench: Bench,
) -> None:
    consumer = bench.consumer(record_and_copy)
    relay = await bench.relayed(1, 2)
    await bench.consume(consumer)
    await bench.relayed(3, 4, 5, relay=relay)
    await forget(bench, after=8 * DAYS)
    await bench.redis.flushdb()
    relay = await bench.relayed(6, 7)
    # Meanwhile 2 and 3 were deleted at the producer; 6 and 7 are in the log and in the state.
    bench.log.state = {1, 4, 5, 6, 7}
    await bench.consume(bench.consumer(record_and_copy))
    assert await bench.copies() == {1, 4, 5, 6, 7}
    assert await bench.effects() == [1, 2, 6, 7]
    assert await bench.lost() == [("skipped", 1, 3, 5)]
    await bench.relayed(8, relay=relay)
    await bench.consume(consumer)
    assert await bench.copies() == {1, 4, 5, 6, 7, 8}


async def test_past_retention_a_consumer_still_learns_what_a_restore_took_away(
    bench: Bench,
) -> None:
    consumer = bench.consumer(record_and_copy)
    await bench.relayed(1, 2, 3)
    await bench.consume(consumer)
    await other_life(bench, lost_after=1)
    await bench.relayed(4, 5, 6)
    await forget(bench, after=8 * DAYS)
    bench.log.state = {1, 4, 5, 6}
    await bench.consume(consumer)
    assert sorted(await bench.lost()) == [("ghosts", 1, 2, 3), ("skipped", 2, 2, 4)]
    assert await bench.copies() == {1, 4, 5, 6}


async def test_a_new_consumer_of_an_old_log_begins_with_a_snapshot(bench: Bench) -> None:
    await bench.relayed(1, 2)
    await forget(bench, after=8 * DAYS)
    await bench.redis.flushdb()
    bench.log.state = {1, 2}
    await bench.consume(bench.consumer(record_and_copy))
    assert (await bench.copies(), await bench.effects()) == ({1, 2}, [])
