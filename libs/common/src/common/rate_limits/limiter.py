"""Gives turns out as often as limits allow, and takes back those that have turned out not to count.

Turns are counted in Redis. While that is away each process counts for itself: limits become wider
by the number of replicas then, and never absent.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import structlog
from limits import RateLimitItem
from limits.aio.strategies import MovingWindowRateLimiter
from prometheus_client import Gauge
from redis.asyncio import Redis
from redis.exceptions import RedisError

from common.rate_limits.rates import Limit
from common.rate_limits.storages import LocalStorage, SharedStorage, Window
from common.redis import open_redis
from common.settings import LimitSettings

# How long Redis is left alone after a failure.
AWAY_SECONDS: Final = 1.0
# Redis tells the times of entries to a tenth of a millisecond.
_ROUNDING_SECONDS: Final = 0.001

is_local = Gauge(
    "colonnade_limits_local", "Whether limits are counted by each process: Redis is away."
)

log = structlog.get_logger()

type Storage = SharedStorage | LocalStorage


@dataclass(frozen=True, slots=True)
class Claim:
    """A turn that is asked for: by a limit, for whatever it counts by."""

    limit: Limit
    key: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """No turn now, and when there is one again."""

    limit: Limit
    rate: RateLimitItem
    retry_after_seconds: int

    @property
    def is_soft(self) -> bool:
        """Whether the limit has a longer period, in which there are turns left."""
        return self.rate is not self.limit.rates[-1]

    @property
    def headers(self) -> dict[str, str]:
        """Return what an answer tells of the limit (draft-ietf-httpapi-ratelimit-headers-10)."""
        name, seconds = f'"{self.limit.name}"', self.rate.get_expiry()
        return {
            "RateLimit-Policy": f"{name};q={self.rate.amount};w={seconds}",
            "RateLimit": f"{name};r=0;t={self.retry_after_seconds}",
        }


@dataclass(frozen=True, slots=True)
class Taken:
    """Turns that were taken, to be given back if they do not count."""

    storage: Storage
    windows: tuple[str, ...]


class Limiter:
    """Counts for one service.

    Args:
        service: Its name, which its keys begin with.
        client: Of Redis; None to count in this process alone.
        wait_seconds: How long a request waits for Redis at most.
    """

    def __init__(self, service: str, client: Redis | None, wait_seconds: float) -> None:
        self._service = service
        self._wait = wait_seconds
        self._shared = SharedStorage(client) if client else None
        self._local = LocalStorage()
        self._is_away = False
        self._next_try = 0.0
        is_local.set(0)

    async def take(self, *claims: Claim, waived: bool = False) -> Taken | Refusal:
        """Take one turn of each limit, or none at all: what is refused counts nowhere.

        Turns are taken before the work, so that of many at once no more begin than may.

        Args:
            claims: What is asked for; the first that is refused is told.
            waived: Refuse only what is too often in the longest period of its limit.
        """
        if self._shared is not None and self._may_try():
            try:
                async with asyncio.timeout(self._wait):
                    outcome = await self._take(self._shared, claims, waived=waived)
            except (RedisError, OSError, TimeoutError) as error:
                self._lose(error)
            else:
                self._find()
                return outcome
        return await self._take(self._local, claims, waived=waived)

    async def give_back(self, taken: Taken) -> None:
        """Give turns back, as if they had not been taken; with Redis away they stay taken."""
        if taken.storage is self._local:
            await self._local.drop_newest(taken.windows)
        elif not self._is_away:
            try:
                async with asyncio.timeout(self._wait):
                    await taken.storage.drop_newest(taken.windows)
            except (RedisError, OSError, TimeoutError) as error:
                self._lose(error)

    async def _take(
        self, storage: Storage, claims: Sequence[Claim], *, waived: bool
    ) -> Taken | Refusal:
        asked = [(claim, rate) for claim in claims for rate in claim.limit.rates]
        windows = [
            Window(self._key(claim, rate), rate.amount, rate.get_expiry()) for claim, rate in asked
        ]
        acquired = await storage.acquire_all(windows)
        taken = [window.key for window, has in zip(windows, acquired, strict=True) if has]
        for (claim, rate), has in zip(asked, acquired, strict=True):
            if not has and (not waived or rate is claim.limit.rates[-1]):
                await storage.drop_newest(taken)
                return await self._refuse(storage, claim, rate)
        return Taken(storage, tuple(taken))

    async def _refuse(self, storage: Storage, claim: Claim, refused: RateLimitItem) -> Refusal:
        """Say when each rate of a limit has a turn again, not only the one that refused first."""
        strategy, now = MovingWindowRateLimiter(storage), time.time()
        longest, until = refused, now
        for rate in claim.limit.rates:
            stats = await strategy.get_window_stats(rate, *self._names(claim))
            if stats.remaining < 1 and stats.reset_time > until:
                longest, until = rate, stats.reset_time
        # A turn is free only after the moment in which the oldest one ends.
        return Refusal(claim.limit, longest, int(until - now + _ROUNDING_SECONDS) + 1)

    def _key(self, claim: Claim, rate: RateLimitItem) -> str:
        return rate.key_for(*self._names(claim))

    def _names(self, claim: Claim) -> tuple[str, str, str]:
        """Return what a claim is called in Redis, where nobody is to read addresses."""
        digest = hashlib.sha256(claim.key.encode()).hexdigest()[:32]
        return self._service, claim.limit.name, digest

    def _may_try(self) -> bool:
        """Tell whether Redis is there; of all requests one a second tries whether it is again."""
        if self._is_away:
            if time.monotonic() < self._next_try:
                return False
            self._next_try = time.monotonic() + AWAY_SECONDS
        return True

    def _lose(self, error: Exception) -> None:
        self._next_try = time.monotonic() + AWAY_SECONDS
        if not self._is_away:
            self._is_away = True
            is_local.set(1)
            log.warning("limits_local", reason=str(error) or type(error).__name__)

    def _find(self) -> None:
        if self._is_away:
            self._is_away = False
            is_local.set(0)
            log.info("limits_shared")


@asynccontextmanager
async def open_limiter(service: str, settings: LimitSettings) -> AsyncIterator[Limiter]:
    """Open the limiter of a process and close it at the end. Connects lazily."""
    wait = settings.cache_wait_seconds
    if settings.cache_url is None:
        yield Limiter(service, None, wait)
        return
    url = settings.cache_url.get_secret_value()
    async with open_redis(url, connect_seconds=wait, silence_seconds=wait) as client:
        yield Limiter(service, client, wait)
