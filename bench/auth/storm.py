"""A storm of logins: they come at random moments, whether or not the former ones were answered.

`python -m bench.auth.storm FILE`: the file is a `StormJob` in JSON; what came of it is printed as
JSON. Meanwhile a probe is sent at regular moments. A time counts from the moment at which its
request was due, so that a generator that is late itself makes the figures worse and never better.
"""

import asyncio
import json
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from itertools import count, cycle, repeat
from pathlib import Path
from typing import Final, cast

import uvloop

from bench.overload.load import quantile
from bench.routes.load import HOST, complete

_CONNECTIONS: Final = 400
_PROBE_CONNECTIONS: Final = 50
_PROBES_A_SECOND: Final = 50
_PATIENCE_SECONDS: Final = 20.0
_OK: Final = HTTPStatus.OK
_REFUSED: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
# What happened to requests that got no answer.
_LOST: Final = "connection closed"
_UNSENT: Final = "no connection free"


@dataclass(frozen=True)
class StormJob:
    """What comes: requests in turns, as text of Latin-1, so many a second on average."""

    port: int
    requests: Sequence[str]
    probe: str
    rate: float
    seconds: float


@dataclass(frozen=True)
class Weathered:
    """What came of it: rates a second, and milliseconds.

    Attributes:
        accepted: Logins a second.
        accepted_ms: p50 and p99 of them.
        refused: Refusals a second.
        refused_ms: p50 and p99 of them.
        probe_ms: p50, p99 and the longest of the probes.
        wrong: What else became of how many requests: the status of an answer that is neither a
            login nor a refusal with Retry-After, and what happened to those without an answer.
    """

    accepted: float
    accepted_ms: Sequence[float]
    refused: float
    refused_ms: Sequence[float]
    probe_ms: Sequence[float]
    wrong: Mapping[str, int]


class Lane:
    """Requests of one kind on their own connections."""

    def __init__(self, requests: Sequence[str]) -> None:
        self._requests = cycle(request.encode("latin-1") for request in requests)
        self._idle: list[_Connection] = []
        self._under_way = 0
        self._answers = asyncio.Event()
        self.times: dict[int, list[float]] = defaultdict(list)
        self.wrong: Counter[str] = Counter()

    async def open(self, port: int, connections: int) -> None:
        """Open the connections."""
        connect = asyncio.get_running_loop().create_connection
        for _ in range(connections):
            _, connection = await connect(lambda: _Connection(self), HOST, port)
            self._idle.append(connection)

    def close(self) -> None:
        """Close the connections: nothing is under way any more."""
        while self._idle:
            self._idle.pop().close()

    async def send_all(self, gaps: Iterator[float], seconds: float) -> None:
        """Send requests with gaps between them for some seconds, and wait for the answers."""
        due = time.perf_counter()
        end = due + seconds
        while due < end:
            await asyncio.sleep(due - time.perf_counter())
            self._send(due)
            due += next(gaps)
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while self._under_way:
                await self._answers.wait()
                self._answers.clear()

    def answered(self, connection: "_Connection", answer: bytes, seconds: float) -> None:
        """Note an answer; its connection may be used again."""
        status = int(answer[9:12])
        self._idle.append(connection)
        self._under_way -= 1
        self._answers.set()
        refused = status in _REFUSED and b"\r\nretry-after: " in answer.lower()
        if refused or status == _OK:
            self.times[status].append(seconds)
        else:
            self.wrong[str(status)] += 1

    def lost(self, connection: "_Connection") -> None:
        """Note a connection that the server closed; what it carried has no answer."""
        if connection in self._idle:
            self._idle.remove(connection)
        else:
            self._under_way -= 1
            self._answers.set()
            self.wrong[_LOST] += 1

    def _send(self, due: float) -> None:
        request = next(self._requests)
        if self._idle:
            self._under_way += 1
            self._idle.pop().ask(request, due)
        else:
            self.wrong[_UNSENT] += 1


class _Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._due = 0.0
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # What TCP has; uvloop's own does not say so.
        self._transport = cast("asyncio.Transport", transport)

    def close(self) -> None:
        assert self._transport is not None  # noqa: S101 — it is connected.
        self._transport.close()

    def ask(self, request: bytes, due: float) -> None:
        assert self._transport is not None  # noqa: S101 — it is connected.
        self._due = due
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if complete(self._received):
            answer, self._received = self._received, b""
            self._lane.answered(self, answer, time.perf_counter() - self._due)

    def connection_lost(self, _error: Exception | None) -> None:
        self._lane.lost(self)


async def weather(job: StormJob) -> Weathered:
    """Run a storm in this process."""
    logins, probes = Lane(job.requests), Lane([job.probe])
    await logins.open(job.port, _CONNECTIONS)
    await probes.open(job.port, _PROBE_CONNECTIONS)
    chance = random.Random(1)  # noqa: S311 — moments, not secrets.
    gaps = (chance.expovariate(job.rate) for _ in count())
    await asyncio.gather(
        logins.send_all(gaps, job.seconds),
        probes.send_all(repeat(1 / _PROBES_A_SECOND), job.seconds),
    )
    logins.close()
    probes.close()
    accepted = logins.times[_OK]
    refused = [each for status in _REFUSED for each in logins.times[status]]
    probed = probes.times[_OK]
    wrong = logins.wrong + Counter({f"probe: {what}": n for what, n in probes.wrong.items()})
    wrong.update(
        {f"probe: {status}": len(each) for status, each in probes.times.items() if status != _OK}
    )
    return Weathered(
        accepted=len(accepted) / job.seconds,
        accepted_ms=[quantile(accepted, share) for share in (0.5, 0.99)],
        refused=len(refused) / job.seconds,
        refused_ms=[quantile(refused, share) for share in (0.5, 0.99)],
        probe_ms=[quantile(probed, share) for share in (0.5, 0.99, 1)],
        wrong=wrong,
    )


def main(file: str) -> None:
    """Run the job in a file and print what came of it."""
    job = StormJob(**json.loads(Path(file).read_text(encoding="utf-8")))
    print(json.dumps(asdict(uvloop.run(weather(job)))))


if __name__ == "__main__":
    main(sys.argv[1])
