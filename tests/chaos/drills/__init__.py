"""The drills, one file for each family of faults.

The families of a group share a world, while all is met in it: a new one takes a quarter minute.
"""

from typing import Final

from tests.chaos.drills import (
    auth_away,
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

# A family that leaves gaps behind, ghosts or skipped ranges, comes last.
GROUPS: Final = (
    (streams_scrambled, redis_wiped, redis_away, redis_stuck, streams_damaged, auth_away),
    (workers_killed, workers_frozen, events_poisoned, sessions_ended, postgres_stopped),
    (everything_killed, commits_late, producer_restored, retention_passed),
)


def family(module: object) -> str:
    """Return the name of a family."""
    return str(getattr(module, "__name__", "")).rpartition(".")[2]


FAMILIES: Final = {family(module): module.DRILLS for group in GROUPS for module in group}
