"""Whatever single part fails, the tour is complete again without anybody's help."""

import os
import signal
import threading

import pytest

from devstack.tour import Patience
from tests.e2e.platform import Platform
from tests.e2e.test_tour import PROCESSES

# DESIGN 9: without Redis e-mail takes up to 20 s and an event up to 2 s; a frozen Redis costs a
# time-out on top until it is skipped.
WITHOUT_REDIS = Patience(mail_seconds=20, event_seconds=10)
# A worker that was just restarted catches up within its first polls.
AFTER_A_RESTART = Patience(mail_seconds=20, event_seconds=10)


@pytest.mark.parametrize("name", sorted(PROCESSES))
def test_a_killed_process_comes_back_and_the_tour_is_complete(
    platform: Platform, name: str
) -> None:
    platform.kill(name)
    with platform.tour(AFTER_A_RESTART) as tour:
        tour.run()


def test_wiping_redis_before_every_step_does_not_change_the_tour(platform: Platform) -> None:
    with platform.tour(Patience(mail_seconds=20, event_seconds=10)) as tour:
        for step in tour.steps:
            platform.flush_redis()
            step()


def test_the_tour_is_complete_while_redis_is_frozen(platform: Platform) -> None:
    with platform.frozen("valkey"), platform.tour(WITHOUT_REDIS) as tour:
        tour.run()


def test_the_tour_is_complete_while_redis_is_away(platform: Platform) -> None:
    before, over = platform.process("valkey"), threading.Event()

    def keep_killing() -> None:
        while not over.wait(0.05):
            process = platform.process("valkey")
            if process["state"] != "stopped" and process["pid"]:
                try:
                    os.kill(process["pid"], signal.SIGKILL)
                except ProcessLookupError:
                    continue

    killer = threading.Thread(target=keep_killing)
    killer.start()
    try:
        with platform.tour(WITHOUT_REDIS) as tour:
            tour.run()
    finally:
        over.set()
        killer.join()
    platform.wait_for_restart("valkey", before)
