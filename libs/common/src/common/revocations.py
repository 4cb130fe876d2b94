"""Keeps a process from accepting tokens of sessions that have ended.

The service's own table is read before the first request, and each second. When it cannot be read
any more, what is known stays in force, an alarm is raised, and nobody is refused for it; while it
was never read, no token is accepted, and the process is not ready.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Final

from prometheus_client import Gauge

from common.db import Database
from common.db.key_copies import forget_expired_keys
from common.db.revocations import forget_revocations, read_revocations
from common.platform import Platform
from common.supervision import every

PERIOD_SECONDS: Final = 1.0
# Liveness waits for the start: a database that does not answer must not look like a dead process.
FIRST_TURN_SECONDS: Final = 2.0
FORGETTING_SECONDS: Final = 60.0

read_at = Gauge(
    "colonnade_revocations_read_timestamp_seconds", "When revoked sessions were last read."
)


def revocation_loops(database: Database) -> dict[str, Callable[[], Awaitable[None]]]:
    """Return the loops of a worker that forget revocations and tokens whose time is over."""
    loops = {
        "forget_revocations": partial(forget_revocations, database),
        "forget_expired_keys": partial(forget_expired_keys, database),
    }
    return {name: partial(every, FORGETTING_SECONDS, forget) for name, forget in loops.items()}


class Watch:
    """What one process has read so far."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._last: float | None = None
        self._tried = asyncio.Event()

    async def run(self) -> None:
        """Read for ever which sessions are revoked: all at first, then what is new."""
        await every(PERIOD_SECONDS, self.turn)

    async def first_turn(self) -> None:
        """Wait until a turn has read what there is or has failed, but not for long."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._tried.wait(), FIRST_TURN_SECONDS)

    async def turn(self) -> None:
        """Read what was written since the last turn.

        Raises:
            Unavailable: PostgreSQL does not answer; the next turn reads what this one could not.
        """
        try:
            await self._read()
        finally:
            self._tried.set()

    async def _read(self) -> None:
        started = time.monotonic()
        age = None if self._last is None else timedelta(seconds=started - self._last)
        revoked = await read_revocations(self._platform.database, age=age)
        self._platform.user_tokens.revoke(
            {session_id: until.timestamp() for session_id, until in revoked.items()}
        )
        self._last = started
        read_at.set_to_current_time()
