"""A real Celery worker: mail at once, also after Redis was emptied, and never lost when killed."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest
import redis

from common.clock import utc_now
from common.testing.apps import environment_of
from devstack.fixtures import ValkeyDatabase
from notifier_service.resources import Resources
from notifier_service.settings import Settings
from notifier_service.usecases.emails import LEASE, drain_emails
from services.notifier.tests.factories import email, emails, hear, known_address
from services.notifier.tests.sink import Sink


@contextmanager
def celery(settings: Settings, log: Path, command: str = "worker") -> Iterator[psutil.Process]:
    """A process of Celery with these settings; whatever is left of it is killed."""
    own = environment_of(settings, "notifier", log_level="info")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "notifier_service.celery_app", command],
            env=os.environ | own,
            stdout=output,
            stderr=output,
        )
    family = psutil.Process(process.pid)
    try:
        yield family
    finally:
        kill(family)
        process.wait(timeout=10)


def kill(family: psutil.Process) -> None:
    """Kill a process and its children at once, without a word."""
    if family.is_running() and family.status() != psutil.STATUS_ZOMBIE:
        for member in (*family.children(recursive=True), family):
            member.send_signal(signal.SIGKILL)


def contents(log: Path) -> str:
    return log.read_text(encoding="utf-8")


async def until(settled: Callable[[], bool], *, seconds: float, log: Path) -> float:
    """Wait for something, and return for how long."""
    started = time.monotonic()
    while not settled():
        assert time.monotonic() - started < seconds, contents(log)
        await asyncio.sleep(0.02)
    return time.monotonic() - started


def arrived_at(sink: Sink, count: int) -> bool:
    return len(sink.messages) == count


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "celery.log"


@pytest.fixture
async def worker(
    settings: Settings, resources: Resources, log: Path
) -> AsyncIterator[psutil.Process]:
    """A Celery worker that is ready."""
    with celery(settings, log) as family:
        await until(lambda: " ready." in contents(log), seconds=30, log=log)
        yield family


async def test_mail_is_sent_at_once_and_after_redis_was_emptied_too(
    worker: psutil.Process,
    resources: Resources,
    sink: Sink,
    valkey_database: ValkeyDatabase,
    log: Path,
) -> None:
    for count in range(1, 4):
        await hear(resources, known_address())
        arrived = partial(arrived_at, sink, count)
        assert await until(arrived, seconds=10, log=log) < 2
        valkey_database.flush()
    await until(lambda: contents(log).count("email_settled") == 3, seconds=5, log=log)
    assert {row.status for row in await emails(resources)} == {"sent"}


async def test_a_worker_that_is_told_to_end_finishes_its_mail(
    worker: psutil.Process, resources: Resources, sink: Sink, log: Path
) -> None:
    sink.holds = True
    await hear(resources, known_address())
    await until(lambda: bool(sink.messages), seconds=10, log=log)
    worker.terminate()
    await until(lambda: "Initiating Soft Shutdown" in contents(log), seconds=5, log=log)
    sink.holds = False
    await until(lambda: "email_settled" in contents(log), seconds=5, log=log)
    assert (await email(resources)).status == "sent"


async def test_a_worker_killed_before_it_marks_a_mail_leads_to_the_same_mail_again(
    worker: psutil.Process, resources: Resources, sink: Sink, log: Path
) -> None:
    sink.holds = True
    await hear(resources, known_address())
    await until(lambda: bool(sink.messages), seconds=10, log=log)
    kill(worker)
    sink.holds = False

    await drain_emails(resources.sending)
    row = await email(resources)
    assert (row.status, row.attempts, len(sink.messages)) == ("pending", 1, 1)
    after = replace(resources.sending, clock=lambda: utc_now() + LEASE)
    await asyncio.gather(drain_emails(after), drain_emails(after))

    first, second = sink.messages
    assert (first["Message-ID"], first["Date"]) == (second["Message-ID"], second["Date"])
    row = await email(resources)
    assert (row.status, row.attempts) == ("sent", 2)


async def test_the_clock_ticks_into_the_queue_of_jobs(
    settings: Settings, resources: Resources, valkey_database: ValkeyDatabase, log: Path
) -> None:
    with celery(settings, log, "beat"), redis.Redis.from_url(valkey_database.broker_url) as client:
        await until(lambda: bool(client.llen("jobs")), seconds=40, log=log)
        assert b"notifier.tick" in client.lrange("jobs", 0, 0)[0]
