"""The relay numbers every event once, in order, and heals whatever happens to the stream."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from common.outbox import Outbox
from libs.common.tests.events.bench import STREAM, Bench, Counted
from libs.common.tests.events.mutations import take_any_entry_for_the_event_of_its_place


async def test_committed_events_get_contiguous_positions_and_reach_the_stream(
    bench: Bench,
) -> None:
    await bench.relayed(*range(10))
    assert await bench.positions() == list(range(1, 11))
    assert await bench.stream_ids() == [f"1-{n}" for n in range(1, 11)]


async def test_an_event_of_a_rolled_back_transaction_never_existed(bench: Bench) -> None:
    with pytest.raises(RuntimeError, match="lost"):
        async with bench.producer.transaction() as session:
            await Outbox(session).add(Counted(n=1), key="a")
            raise RuntimeError("lost")
    await bench.relayed(2)
    assert await bench.log_numbers() == [2]


async def test_a_transaction_that_commits_late_is_numbered_late_and_delays_nobody(
    bench: Bench,
) -> None:
    async with bench.producer.transaction() as late:
        await Outbox(late).add(Counted(n=1), key="a")
        relay = await bench.relayed(2, 3)
        assert await bench.log_numbers() == [2, 3]
    while await relay.assign():
        pass
    await bench.publish(relay)
    assert await bench.log_numbers() == [2, 3, 1]
    assert await bench.stream_ids() == ["1-1", "1-2", "1-3"]


async def test_a_burst_after_the_outbox_was_analysed_empty_is_numbered_at_once(
    bench: Bench,
) -> None:
    burst = text(
        "INSERT INTO outbox (event_id, type, key, payload, headers) SELECT uuidv7(), 'a.b.v1',"
        " n::text, '{}', '{}' FROM generate_series(1, 6000) n"
    )
    async with bench.producer.reads() as connection:
        # Pages without rows: the planner now expects to find one row, however many come.
        for statement in (burst, text("DELETE FROM outbox"), text("ANALYZE outbox"), burst):
            await connection.execute(statement)
    relay = bench.relay()
    async with asyncio.timeout(20):
        while await relay.assign():
            pass
    assert await bench.positions() == list(range(1, 6001))


async def test_five_relays_at_once_number_and_publish_everything_once(bench: Bench) -> None:
    await bench.emit(*range(1200))
    relays = [bench.relay() for _ in range(5)]

    async def work(index: int) -> None:
        for _ in range(30):
            await relays[index].assign()
            await relays[index].publish()

    await asyncio.gather(*(work(index) for index in range(5)))
    await bench.publish(relays[0])
    assert await bench.positions() == list(range(1, 1201))
    assert await bench.stream_ids() == [f"1-{n}" for n in range(1, 1201)]
    assert await bench.log_numbers() == list(range(1200))


async def test_what_a_killed_relay_assigned_is_published_by_the_next(bench: Bench) -> None:
    await bench.emit(1, 2)
    await bench.relay().assign()
    await bench.publish(bench.relay())
    assert await bench.stream_ids() == ["1-1", "1-2"]


async def _stray(redis: Redis) -> None:
    await redis.xadd(STREAM, {"event": "nonsense"})


async def _foreign(redis: Redis) -> None:
    await redis.set(STREAM, "not a stream")


async def _rename(redis: Redis) -> None:
    await redis.rename(STREAM, "elsewhere")


async def _drop_tail(redis: Redis) -> None:
    entries: Any = await redis.xrange(STREAM, count=3)
    await redis.delete(STREAM)
    for entry_id, fields in entries:
        await redis.xadd(STREAM, fields, id=entry_id)


async def _wipe(redis: Redis) -> None:
    await redis.flushdb()


@pytest.mark.parametrize("damage", [_stray, _foreign, _rename, _drop_tail, _wipe])
async def test_a_damaged_stream_is_made_whole_without_new_events(
    bench: Bench, damage: Callable[[Redis], Awaitable[None]]
) -> None:
    relay = await bench.relayed(*range(6))
    await damage(bench.redis)
    await bench.publish(relay)
    assert await bench.stream_ids() == [f"1-{n}" for n in range(1, 7)]
    await bench.relayed(6, relay=relay)
    assert await bench.stream_top() == "1-7"


async def test_an_entry_in_the_place_of_an_event_is_replaced(bench: Bench) -> None:
    relay = await bench.relayed(*range(6))
    entries: Any = await bench.redis.xrange(STREAM, count=1)
    await bench.redis.xadd(STREAM, entries[0][1], id="1-8")
    await bench.emit(6, 7, 8)
    await relay.assign()
    await bench.publish(relay)
    entries = await bench.redis.xrange(STREAM)
    numbers = [json.loads(fields[b"event"])["payload"]["n"] for _, fields in entries]
    assert numbers == list(range(9))


async def test_without_a_look_at_the_event_it_would_stay(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The model finds this one too, after some hundred sequences, or after thousands.
    take_any_entry_for_the_event_of_its_place(monkeypatch)
    with pytest.raises(AssertionError, match="assert"):
        await test_an_entry_in_the_place_of_an_event_is_replaced(bench)


async def test_a_trimmed_stream_goes_on_where_it_was(bench: Bench) -> None:
    relay = await bench.relayed(1, 2)
    await bench.redis.xtrim(STREAM, maxlen=0)
    await bench.relayed(3, relay=relay)
    assert await bench.stream_ids() == ["1-3"]


async def test_a_restarted_database_opens_an_epoch_before_it_numbers_again(bench: Bench) -> None:
    relay = await bench.relayed(1, 2)
    await other_life(bench)
    await bench.relayed(3, relay=relay)
    assert await bench.stream_ids() == ["1-1", "1-2", "2-3"]


async def test_a_restored_database_never_reuses_a_position_silently(bench: Bench) -> None:
    relay = await bench.relayed(1, 2, 3)
    await other_life(bench, lost_after=1)
    await bench.relayed(4, 5, relay=relay)
    assert await bench.stream_ids() == ["1-1", "2-2", "2-3"]


async def test_a_second_restore_of_one_backup_opens_an_epoch_that_never_was(bench: Bench) -> None:
    relay = await bench.relayed(1)
    for n in (2, 3):
        await other_life(bench, lost_after=1)
        await bench.relayed(n, relay=relay)
    assert await bench.stream_ids() == ["1-1", "3-2"]


async def other_life(bench: Bench, lost_after: int | None = None) -> None:
    """Make the database look restarted and, from `lost_after` on, restored from a backup."""
    restored = """
        DELETE FROM event_log WHERE position > :after;
        DELETE FROM epochs WHERE start_position > :after;
        UPDATE stream_head SET position = :after, epoch = (SELECT max(epoch) FROM epochs)
    """
    async with bench.producer.transaction() as session:
        await session.execute(text("UPDATE stream_head SET server_started_at = 'epoch'"))
        for statement in restored.split(";") if lost_after is not None else ():
            await session.execute(text(statement), {"after": lost_after})
