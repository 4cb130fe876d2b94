"""Moments in the work of a process, at which a drill stops or kills it.

A process is stopped, looked at from outside, and let go on until the moment has come.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from signal import SIGCONT, SIGSTOP
from typing import Any, Final

import psutil

from common.place import stream_key
from tests.chaos.harness.trial import Trial

ATTEMPTS: Final = 2000
_LONGEST_STRIDE_SECONDS: Final = 0.02
_ON_ITS_WAY_SECONDS: Final = 0.05
_TRANSACTIONS: Final = """
    SELECT client_port, backend_xid IS NOT NULL AS writing FROM pg_stat_activity
     WHERE usename = $1 AND xact_start IS NOT NULL
"""
# Whoever numbers events has changed the head; to others it is locked until they commit.
_ASSIGNING: Final = """
    SELECT client_port FROM pg_locks JOIN pg_stat_activity USING (pid)
     WHERE relation = 'stream_head'::regclass AND mode = 'RowExclusiveLock'
"""

type Moment = Callable[[], Awaitable[bool]]


async def stop_at(trial: Trial, pid: int, moment: Moment, what: str) -> None:
    """Stop a process so that `moment` holds; note a problem when it never came."""
    for _ in range(ATTEMPTS):
        os.kill(pid, SIGSTOP)
        if await moment():
            # What it had sent before is done by now: a commit on its way ends a transaction.
            await asyncio.sleep(_ON_ITS_WAY_SECONDS)
            if await moment():
                return
        os.kill(pid, SIGCONT)
        await asyncio.sleep(_LONGEST_STRIDE_SECONDS * trial.random.random())
    os.kill(pid, SIGSTOP)
    trial.expect(condition=False, problem=f"no moment was found: {what}")


def in_transaction(trial: Trial, service: str, pid: int, *, writing: bool = False) -> Moment:
    """Whether a process of a service has a transaction open, perhaps one that wrote."""

    async def moment() -> bool:
        rows = await trial.world.fetch(service, _TRANSACTIONS, service)
        return _has_one(pid, {row["client_port"] for row in rows if row["writing"] or not writing})

    return moment


def assigning(trial: Trial, producer: str, pid: int) -> Moment:
    """Whether a relay is between the numbering of events and its commit."""

    async def moment() -> bool:
        rows = await trial.world.fetch(producer, _ASSIGNING)
        return _has_one(pid, {row["client_port"] for row in rows})

    return moment


def outside_transactions(trial: Trial, service: str, pid: int) -> Moment:
    """Whether a process of a service has no transaction open."""
    inside = in_transaction(trial, service, pid)

    async def moment() -> bool:
        return not await inside()

    return moment


def unpublished(trial: Trial, producer: str) -> Moment:
    """Whether events have a place in the log that the stream does not have yet."""

    async def moment() -> bool:
        head = await trial.world.fetchval(producer, "SELECT position FROM stream_head")
        return await _top(trial, producer) < int(head)

    return moment


def between_appends(trial: Trial, producer: str) -> Moment:
    """Whether the stream has all of the log, while more waits in the outbox."""
    lacking = unpublished(trial, producer)

    async def moment() -> bool:
        waiting = await trial.world.fetchval(producer, "SELECT count(*) FROM outbox")
        return bool(waiting) and not await lacking()

    return moment


def _has_one(pid: int, ports: set[int]) -> bool:
    own = psutil.Process(pid).net_connections(kind="tcp")
    return bool(ports & {each.laddr.port for each in own})


async def _top(trial: Trial, producer: str) -> int:
    info: Any = await trial.world.valkey.redis.xinfo_stream(stream_key(producer))
    return int(info["last-generated-id"].partition(b"-")[2])
