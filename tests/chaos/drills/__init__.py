"""The drills, one file for each family of faults."""

from typing import Final

from tests.chaos.drills import (
    commits_late,
    events_poisoned,
    everything_killed,
    postgres_stopped,
    producer_restored,
    redis_away,
    redis_stuck,
    redis_wiped,
    retention_passed,
    sessions_ended,
    streams_damaged,
    streams_scrambled,
    workers_frozen,
    workers_killed,
)

_MODULES: Final = (
    redis_wiped,
    retention_passed,
    redis_away,
    workers_killed,
    postgres_stopped,
    producer_restored,
    workers_frozen,
    streams_damaged,
    streams_scrambled,
    redis_stuck,
    sessions_ended,
    commits_late,
    events_poisoned,
    everything_killed,
)
FAMILIES: Final = {module.__name__.rpartition(".")[2]: module.DRILLS for module in _MODULES}
