"""Whether the time of an answer tells who has an account: known and unknown addresses in turns.

`python -m bench.auth.ranks FILE`: the file is a `RanksJob` in JSON; milliseconds are printed as
JSON. Requests go one after another over one connection, mixed at random, so that what changes
while they do concerns both kinds.
"""

import json
import random
import socket
import sys
import time
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.routes.hop import exchange
from bench.routes.load import HOST


@dataclass(frozen=True)
class RanksJob:
    """Requests of both kinds, as text of Latin-1, and others that come before them.

    Attributes:
        port: Of the server, on loopback.
        status: Of every answer.
        warm_up: Sent first, and not measured.
        known: Requests that name an address with an account.
        unknown: Requests that name one without.
    """

    port: int
    status: int
    warm_up: Sequence[str]
    known: Sequence[str]
    unknown: Sequence[str]


@dataclass(frozen=True)
class Times:
    """How long each answer took, in milliseconds."""

    known: Sequence[float]
    unknown: Sequence[float]

    @property
    def distance(self) -> float:
        """How far the area under the ROC curve is from that of a coin, which is 0.5."""
        return abs(area(self.known, self.unknown) - 0.5)


def area(some: Sequence[float], others: Sequence[float]) -> float:
    """Return the chance that one of `some` is more than one of `others`; ties count half.

    It is the area under the ROC curve of a threshold that tells them apart, by ranks (Mann and
    Whitney, 1947).
    """
    ranked = sorted(others)
    places = (bisect_left(ranked, each) + bisect_right(ranked, each) for each in some)
    return sum(places) / (2 * len(some) * len(ranked))


def measure(job: RanksJob) -> Times:
    """Send everything."""
    kinds = [*((True, text) for text in job.known), *((False, text) for text in job.unknown)]
    random.Random(1).shuffle(kinds)  # noqa: S311 — an order, not a secret.
    status = str(job.status).encode()
    times: dict[bool, list[float]] = {True: [], False: []}
    with socket.create_connection((HOST, job.port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for text in job.warm_up:
            exchange(connection, text.encode("latin-1"), status)
        for is_known, text in kinds:
            request = text.encode("latin-1")
            started = time.perf_counter()
            exchange(connection, request, status)
            times[is_known].append((time.perf_counter() - started) * 1000)
    return Times(times[True], times[False])


def main(file: str) -> None:
    """Run the job in a file and print the times."""
    job = RanksJob(**json.loads(Path(file).read_text(encoding="utf-8")))
    print(json.dumps(asdict(measure(job))))


if __name__ == "__main__":
    main(sys.argv[1])
