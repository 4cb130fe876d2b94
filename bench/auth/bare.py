"""Argon2id and nothing else: how many passwords a core verifies a second.

`python -m bench.auth.bare FILE`: the file is a `BareJob` in JSON; the rate is printed as JSON.
"""

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from argon2 import PasswordHasher

PASSWORD = "a staple that batteries eat"  # noqa: S105 — of accounts that a benchmark makes up.


@dataclass(frozen=True)
class BareJob:
    """The parameters of a hash, and for how long to verify it."""

    seconds: float
    iterations: int
    memory_kib: int
    parallelism: int

    @property
    def hasher(self) -> PasswordHasher:
        return PasswordHasher(self.iterations, self.memory_kib, self.parallelism)


def rate_of(job: BareJob) -> float:
    """Return how many passwords were verified a second, one after another."""
    hasher = job.hasher
    stored = hasher.hash(PASSWORD)
    verified, passed, started = 0, 0.0, time.perf_counter()
    while passed < job.seconds:
        hasher.verify(stored, PASSWORD)
        verified += 1
        passed = time.perf_counter() - started
    return verified / passed


def main(file: str) -> None:
    """Run the job in a file and print the rate."""
    job = BareJob(**json.loads(Path(file).read_text(encoding="utf-8")))
    print(json.dumps(rate_of(job)))


if __name__ == "__main__":
    main(sys.argv[1])
