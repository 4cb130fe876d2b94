"""A person gets from registration to a read post, through the real gateway."""

import time

from devstack.catalog import load_catalog
from devstack.tour import StepFailed
from tests.e2e.platform import PROMISED, Platform

CALM_SECONDS = 60

SERVERS = {"postgres", "valkey", "mailbox", "traefik"}
PROCESSES = {f"{each.name}-{process}" for each in load_catalog() for process in each.processes}


def test_the_tour_is_complete_in_its_promised_times(platform: Platform) -> None:
    deadline = time.monotonic() + CALM_SECONDS
    while True:
        try:
            with platform.tour(PROMISED) as tour:
                tour.run()
        except StepFailed:
            # Some other test may just have broken the stack that all share.
            if time.monotonic() > deadline:
                raise
        else:
            return


def test_the_state_file_lists_every_process(platform: Platform) -> None:
    board = platform.stack.board()
    processes = {each["name"]: each for each in board["processes"]}
    assert set(processes) == SERVERS | PROCESSES
    for name, process in processes.items():
        assert process["pid"] > 0
        assert process["log"], name
    assert processes["postgres"]["url"].startswith("postgresql://")
    assert processes["valkey"]["url"].startswith("redis://")
