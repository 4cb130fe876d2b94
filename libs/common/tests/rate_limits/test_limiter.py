"""Limits hold for all replicas together, and for each by itself while Redis is away."""

import asyncio
import time
from collections.abc import Sequence

import pytest
import redis
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from common.rate_limits.limiter import Claim, Limiter, Refusal, Taken
from common.rate_limits.rates import Limit
from common.rate_limits.storages import LocalStorage
from common.settings import LimitSettings
from devstack.fixtures import ValkeyDatabase
from libs.common.tests.rate_limits.conftest import Replicas, Server

TWO = Limit.of("two", ["2 per minute"])
ONE = Limit.of("one", ["1 per minute"])
STEPS = Limit.of("steps", ["10 per 10 minutes", "15 per hour", "5 per minute"])


class Clock:
    """The time by which turns end, which stands still unless it is told not to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = float(int(time.time()))
        monkeypatch.setattr(time, "time", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


async def admitted(limiter: Limiter, claim: Claim, times: int) -> list[bool]:
    return [isinstance(await limiter.take(claim), Taken) for _ in range(times)]


async def refused(limiter: Limiter, *claims: Claim, waived: bool = False) -> Refusal:
    """What a refusal tells, which there must be."""
    outcome = await limiter.take(*claims, waived=waived)
    assert isinstance(outcome, Refusal)
    return outcome


async def taken(limiter: Limiter, *claims: Claim, waived: bool = False) -> Taken:
    """Turns, which there must be."""
    outcome = await limiter.take(*claims, waived=waived)
    assert isinstance(outcome, Taken)
    return outcome


def local() -> float | None:
    return REGISTRY.get_sample_value("colonnade_limits_local")


async def test_there_are_as_many_turns_as_a_limit_says_for_each_key(
    limiter: Limiter, clock: Clock
) -> None:
    ada, grace = Claim(TWO, "ada"), Claim(TWO, "grace")
    assert await admitted(limiter, ada, 3) == [True, True, False]
    assert await admitted(limiter, grace, 1) == [True]
    clock.now += 20
    told = await refused(limiter, ada)
    assert (told.limit.name, told.retry_after_seconds) == ("two", 41)
    assert told.headers == {"RateLimit-Policy": '"two";q=2;w=60', "RateLimit": '"two";r=0;t=41'}
    clock.now += told.retry_after_seconds
    assert await admitted(limiter, ada, 3) == [True, True, False]


async def test_no_rate_is_no_limit(limiter: Limiter) -> None:
    claim = Claim(Limit.of("none", []), "ada")
    assert all(await admitted(limiter, claim, 100))


async def test_who_goes_on_waits_longer_and_longer_but_never_for_more_than_the_last_period(
    limiter: Limiter, clock: Clock
) -> None:
    claim = Claim(STEPS, "ada")
    waits: list[int] = []
    for _ in range(6):
        assert await admitted(limiter, claim, 6) == [True] * 5 + [False]
        waits.append((await refused(limiter, claim)).retry_after_seconds)
        clock.now += waits[-1]
    # After an hour it begins anew.
    assert waits[:3] == [61, 540, 3000]
    assert max(waits) <= 3601


async def test_of_many_at_once_at_two_replicas_no_more_begin_than_may(
    replicas: Replicas, server: Server
) -> None:
    limiters = [await replicas.open(server.url) for _ in range(2)]
    claim = Claim(STEPS, "ada")
    outcomes = await asyncio.gather(*(limiters[turn % 2].take(claim) for turn in range(50)))
    assert sum(isinstance(each, Taken) for each in outcomes) == 5
    assert local() == 0


async def test_what_is_refused_counts_nowhere(limiter: Limiter) -> None:
    wide, narrow = Claim(TWO, "ada"), Claim(ONE, "ada")
    await taken(limiter, wide, narrow)
    for _ in range(5):
        assert (await refused(limiter, wide, narrow)).limit is ONE
    assert await admitted(limiter, wide, 2) == [True, False]


async def test_a_turn_that_is_given_back_is_free_again(limiter: Limiter) -> None:
    claims = Claim(TWO, "ada"), Claim(ONE, "ada")
    for _ in range(5):
        await limiter.give_back(await taken(limiter, *claims))
    await taken(limiter, *claims)
    assert (await refused(limiter, *claims)).limit is ONE


async def test_who_need_not_wait_is_refused_by_the_longest_period_alone(
    limiter: Limiter, clock: Clock
) -> None:
    claim = Claim(STEPS, "ada")
    await admitted(limiter, claim, 5)
    assert (await refused(limiter, claim)).is_soft
    for _ in range(10):
        await taken(limiter, claim, waived=True)
    told = await refused(limiter, claim, waived=True)
    assert (told.is_soft, told.retry_after_seconds) == (False, 3601)


async def test_nobody_reads_in_redis_whom_a_limit_is_about(
    replicas: Replicas, valkey_database: ValkeyDatabase
) -> None:
    limiter = await replicas.open(valkey_database.cache_url("auth"))
    await taken(limiter, Claim(TWO, "ada@example.com"))
    with redis.Redis.from_url(valkey_database.url) as client:
        keys = [key for key in client.scan_iter() if key.startswith(b"LIMITS:LIMITER/auth/two/")]
        valkey_database.flush()
    assert len(keys) == 1
    assert b"ada" not in keys[0]


async def test_while_redis_is_away_each_process_counts_for_itself_and_says_so_once(
    replicas: Replicas, server: Server
) -> None:
    limiters = [await replicas.open(server.url) for _ in range(2)]
    claim = Claim(TWO, "ada")
    await taken(limiters[0], claim)
    server.stop()
    with capture_logs() as lines:
        for limiter in limiters:
            assert await admitted(limiter, claim, 4) == [True, True, False, False]
    assert [line["event"] for line in lines] == ["limits_local"] * 2
    assert local() == 1
    server.start()
    with capture_logs() as lines:
        for limiter in limiters:
            limiter._next_try = 0  # noqa: SLF001 — instead of a second's wait.
        assert await admitted(limiters[0], claim, 1) == [True]
        assert await admitted(limiters[1], claim, 2) == [True, False]
    assert [line["event"] for line in lines] == ["limits_shared"] * 2
    assert local() == 0


async def test_a_redis_that_does_not_answer_is_as_good_as_none(
    replicas: Replicas, server: Server
) -> None:
    limiter = await replicas.open(server.url, wait_seconds=0.05)
    first = await taken(limiter, Claim(TWO, "ada"))
    server.freeze()
    assert await admitted(limiter, Claim(TWO, "ada"), 3) == [True, True, False]
    # Nobody waits for it either to give something back.
    await limiter.give_back(first)
    assert local() == 1


async def test_a_redis_that_refuses_us_is_as_good_as_none(
    replicas: Replicas, valkey_database: ValkeyDatabase
) -> None:
    limiter = await replicas.open(valkey_database.cache_url("users"))
    with capture_logs() as lines:
        assert await admitted(limiter, Claim(TWO, "ada"), 3) == [True, True, False]
    assert "permissions" in lines[0]["reason"]


async def keys_that_stay(storage: LocalStorage, keys: Sequence[str]) -> int:
    """How many of the keys were not forgotten: they have had their one turn."""
    return sum([not await storage.acquire_entry(key, 1, 60) for key in keys])


async def test_memory_is_bounded_and_keeps_whom_it_hears_of() -> None:
    storage = LocalStorage(most=100)
    assert await storage.acquire_entry("a pest", 1, 60)
    for number in range(1000):
        await storage.acquire_entry(str(number), 1, 60)
        assert not await storage.acquire_entry("a pest", 1, 60)
    assert await keys_that_stay(storage, [str(number) for number in range(999, 900, -1)]) == 99


@pytest.mark.parametrize("wrong", ["often", "5 per fortnight", "five per minute", ""])
def test_a_rate_that_means_nothing_is_refused_at_the_start(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"rate limit|granularity"):
        LimitSettings(limit_unknown_keys_per_network=[wrong])
