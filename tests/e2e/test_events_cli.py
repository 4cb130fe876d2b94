"""An operator looks after the events of a real stack with `colonnade events`."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from common.ids import new_id
from devstack.catalog import load_catalog
from devstack.speaker import speaker_environment
from tests.e2e.platform import Platform

POISON = """
    INSERT INTO posts.outbox (event_id, type, key, payload, headers)
    VALUES ($1, 'posts.post_deleted.v1', 'poisoned', '{}', '{}')
"""


def colonnade(platform: Platform, *arguments: str) -> tuple[int, str]:
    """Run `colonnade events` with the stack's keys; the exit code and what was printed."""
    return run(
        [Path(sys.executable).with_name("colonnade"), "events", *arguments],
        speaker_environment(platform.stack.layout),
    )


def run(command: Sequence[str | Path], environment: Mapping[str, str]) -> tuple[int, str]:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def eventually[T](probe: Callable[[], T]) -> T:
    deadline = time.monotonic() + 20
    while not (found := probe()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found


async def say_nonsense(platform: Platform, event_id: str) -> None:
    """Commit an event that no handler can read, as a bug in posts would."""
    url = platform.process("postgres")["url"].rpartition("/")[0] + "/colonnade"
    connection = await asyncpg.connect(url)
    await connection.execute(POISON, event_id)
    await connection.close()


def test_the_development_stack_passes_the_command_on(platform: Platform) -> None:
    command = [sys.executable, "-m", "devstack", "events", "parked", "--json"]
    folder = {"COLONNADE_STATE": str(platform.stack.layout.folder)}
    assert run(command, os.environ | folder) == (0, "[]\n")


def test_nothing_lags_after_the_tour(platform: Platform) -> None:
    with platform.tour() as tour:
        tour.run()

    def caught_up() -> list[dict[str, Any]]:
        code, printed = colonnade(platform, "lag", "--json")
        consumers: list[dict[str, Any]] = json.loads(printed)["consumers"]
        return [] if code or any(row["behind"] for row in consumers) else consumers

    consumers = eventually(caught_up)
    pairs = [(row["consumer"], row["producer"]) for row in consumers]
    assert sorted(pairs) == sorted(
        (service.name, producer) for service in load_catalog() for producer in service.consumes
    )
    for row in consumers:
        assert row["head"] == row["cursor"]
        assert row["parked_events"] == row["ghosts"] == row["oldest_seconds"] == 0


@pytest.mark.skipif(bool(os.environ.get("DATABASE_URL")), reason="It writes as the administrator.")
async def test_a_poisoned_event_is_parked_seen_skipped_and_gone(platform: Platform) -> None:
    event_id = str(new_id())
    await say_nonsense(platform, event_id)
    eventually(lambda: event_id in colonnade(platform, "parked")[1])
    code, printed = colonnade(platform, "lag")
    assert code == 1
    assert "colonnade events parked --consumer notifier --producer posts" in printed
    assert '"key": "poisoned"' in colonnade(platform, "show", event_id)[1]

    code, printed = colonnade(platform, "skip", event_id, "--reason", "It was nonsense.")
    assert code == 0, printed
    assert colonnade(platform, "parked") == (0, "Nothing is parked.\n")
    eventually(lambda: colonnade(platform, "lag")[0] == 0)
