"""Relays, Redis, databases and consumers in any order of faults keep the promise of DESIGN 3."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import cast

import pytest
import structlog
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from common.outbox import relay
from common.streams import sources
from devstack.fixtures import ValkeyDatabase
from libs.common.tests.events.machine import Machine
from libs.common.tests.events.world import World, open_world

SEARCH = settings(
    max_examples=60,
    stateful_step_count=30,
    derandomize=True,
    database=None,
    deadline=None,
    print_blob=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def world(
    database_urls: tuple[str, str],
    valkey_database: ValkeyDatabase,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[World]:
    """A world of small batches, so that few events make several of them."""
    monkeypatch.setattr(relay, "ASSIGN_BATCH", 6)
    monkeypatch.setattr(relay, "REBUILD_TAIL", 15)
    monkeypatch.setattr(sources, "BATCH", 5)
    with open_world(database_urls, valkey_database.url) as world, quiet():
        yield world


@contextmanager
def quiet() -> Iterator[None]:
    """Log nothing: faults by the thousand would be told one by one."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)


@pytest.mark.timeout(600)  # A failure is worth the time that it takes to shrink it.
def test_whatever_happens_every_event_takes_effect_once_and_in_order(world: World) -> None:
    search(world)


def search(world: World, examples: int = SEARCH.max_examples) -> None:
    """Let Hypothesis look for a sequence of operations that breaks the promise."""
    factory = cast("type[RuleBasedStateMachine]", partial(Machine, world))
    run_state_machine_as_test(factory, settings=settings(SEARCH, max_examples=examples))
