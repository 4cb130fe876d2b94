"""A failing event waits with its key; the rest goes on, and the order within a key is kept."""

import asyncio

import pytest
from sqlalchemy import text

from common.errors import Unavailable
from common.streams import Received
from common.streams.parking import MAX_PARKED_KEYS, RETRY_SECONDS, TooManyParked
from libs.common.tests.events.bench import Bench, Counted, Tx, record


class Poison:
    """A handler that fails for some numbers until it is fixed."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = set(numbers)

    async def __call__(self, tx: Tx, event: Received[Counted]) -> None:
        await record(tx, event)
        if event.data.n in self.numbers:
            raise ValueError("poison")


async def test_a_failing_event_is_parked_and_delays_only_its_key(bench: Bench) -> None:
    await bench.relayed(*range(9))
    await bench.consume(bench.consumer(Poison(3)))
    assert await bench.effects() == [0, 1, 2, 4, 5, 7, 8]
    assert [n for n, _, _ in await bench.parked()] == [3, 6]


async def test_after_the_fix_a_key_catches_up_in_order(bench: Bench) -> None:
    poison = Poison(0)
    await bench.relayed(0, 3, 6)
    await bench.consume(bench.consumer(poison))
    relay = await bench.relayed(9)
    await bench.consume(bench.consumer(poison))
    poison.numbers.clear()
    await bench.make_due()
    effects = bench.handling(poison)
    while await effects.retry():
        pass
    assert await bench.effects() == [0, 3, 6, 9]
    assert await bench.parked() == []
    await bench.relayed(12, relay=relay)
    await bench.consume(bench.consumer(poison))
    assert await bench.effects() == [0, 3, 6, 9, 12]


async def test_the_retrier_gives_up_after_its_attempts(bench: Bench) -> None:
    poison = Poison(0)
    await bench.relayed(0, 3)
    await bench.consume(bench.consumer(poison))
    effects = bench.handling(poison)
    for _ in RETRY_SECONDS:
        await bench.make_due()
        assert await effects.retry()
    assert await bench.parked() == [(0, len(RETRY_SECONDS) + 1, False), (3, 0, True)]
    assert not await effects.retry()


async def test_two_retriers_apply_a_parked_event_once(bench: Bench) -> None:
    poison = Poison(*range(30))
    await bench.relayed(*range(30))
    await bench.consume(bench.consumer(poison))
    poison.numbers.clear()
    await bench.make_due()

    async def drain() -> None:
        while await bench.handling(poison).retry():
            pass

    await asyncio.gather(drain(), drain())
    assert sorted(await bench.effects()) == list(range(30))
    for key in range(3):
        assert [n for n in await bench.effects() if n % 3 == key] == list(range(key, 30, 3))


async def test_an_outage_during_a_retry_costs_no_attempt(bench: Bench) -> None:
    await bench.relayed(0)
    await bench.consume(bench.consumer(Poison(0)))

    async def unavailable(_tx: Tx, _event: Received[Counted]) -> None:
        raise Unavailable

    await bench.make_due()
    with pytest.raises(Unavailable):
        await bench.handling(unavailable).retry()
    assert [attempts for _, attempts, _ in await bench.parked()] == [1]


async def test_too_many_parked_keys_stop_the_consumer(bench: Bench) -> None:
    count = MAX_PARKED_KEYS + 5
    await bench.relayed(*range(count), keys=count)
    with pytest.raises(TooManyParked):
        await bench.consume(bench.consumer(Poison(*range(count))))
    assert len(await bench.parked()) == MAX_PARKED_KEYS
    await bench.consume(bench.consumer(Poison()))
    assert await bench.effects() == list(range(MAX_PARKED_KEYS, count))


@pytest.mark.parametrize(
    ("kind", "parked"),
    [("ledger.counted.v2", 1), ("ledger.other.v1", 0), ("no wire name", 0)],
)
async def test_an_unknown_version_waits_and_an_unknown_type_does_not(
    bench: Bench, kind: str, parked: int
) -> None:
    async with bench.producer.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO outbox (event_id, type, key, payload, headers)"
                " VALUES (gen_random_uuid(), :kind, 'a', '{}', '{}')"
            ),
            {"kind": kind},
        )
    await bench.relayed(1)
    await bench.consume(bench.consumer())
    assert (len(await bench.parked()), await bench.effects()) == (parked, [1])
