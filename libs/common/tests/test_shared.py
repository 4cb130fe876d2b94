"""A crowd is one reading, and nobody else's failure, deadline or haste changes what one gets."""

import asyncio

import pytest

from common.deadline import remaining_seconds, within
from common.shared import SharedReads


class Source:
    """Counts how often it is read; holds readings up until it is let go."""

    def __init__(self) -> None:
        self.read = 0
        self.held = asyncio.Event()
        self.failure: Exception | None = None

    async def __call__(self) -> int:
        self.read += 1
        number = self.read
        await self.held.wait()
        if self.failure is not None:
            raise self.failure
        return number


@pytest.fixture
def source() -> Source:
    return Source()


async def test_a_thousand_who_ask_at_once_are_one_reading(source: Source) -> None:
    shared = SharedReads(60)
    asking = [asyncio.create_task(shared.get("key", source)) for _ in range(1000)]
    await asyncio.sleep(0)
    source.held.set()
    assert {tuple(each) for each in await asyncio.gather(*asking)} == {(1, True)}
    assert tuple(await shared.get("key", source)) == (1, False)
    assert tuple(await shared.get("other", source)) == (2, True)
    assert source.read == 2


async def test_a_value_is_given_to_others_for_its_time_alone(source: Source) -> None:
    source.held.set()
    shared, never = SharedReads(0.05), SharedReads(0)
    assert await shared.get("key", source) == (1, True)
    await asyncio.sleep(0.06)
    assert await shared.get("key", source) == (2, True)
    assert [await never.get("key", source) for _ in range(2)] == [(3, True), (4, True)]


async def test_a_failure_is_told_to_who_waits_and_to_nobody_after(source: Source) -> None:
    shared = SharedReads(60)
    source.failure = RuntimeError("no")
    asking = [asyncio.create_task(shared.get("key", source)) for _ in range(3)]
    await asyncio.sleep(0)
    source.held.set()
    told = await asyncio.gather(*asking, return_exceptions=True)
    assert [str(each) for each in told] == ["no"] * 3
    source.failure = None
    assert await shared.get("key", source) == (2, True)


async def test_who_stops_waiting_leaves_the_others_their_value(source: Source) -> None:
    shared = SharedReads(60)
    first, second = (asyncio.create_task(shared.get("key", source)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    source.held.set()
    assert await second == (1, True)
    assert first.cancelled()


async def test_a_reading_has_no_deadline_of_who_came_first() -> None:
    async def left() -> float | None:
        return remaining_seconds()

    with within(0.001):
        assert await SharedReads(60).get("key", left) == (None, True)


async def test_only_so_many_are_kept_and_the_oldest_goes(source: Source) -> None:
    source.held.set()
    shared = SharedReads(60, most=2)
    for key in ("one", "two", "three"):
        await shared.get(key, source)
    assert await shared.get("two", source) == (2, False)
    assert await shared.get("three", source) == (3, False)
    assert await shared.get("one", source) == (4, True)
