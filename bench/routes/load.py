"""The load, in a process of its own: connections that stay open and ask again once answered.

`python -m bench.routes.load FILE`: the file is a `Job` in JSON; what was measured is printed as
JSON. An answer with another status than the expected one ends it: that would be no measurement.
"""

import asyncio
import json
import re
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, cast

import uvloop

# In place of it a request carries its number, of as many digits.
NUMBERED: Final = "@@@@@@@@"
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_NUMBERED: Final = NUMBERED.encode()
HOST: Final = "127.0.0.1"
_HEAD: Final = b"\r\n\r\n"
_WITHOUT_BODY: Final = b"304"
_PATIENCE_SECONDS: Final = 30.0
_LONGEST_SECONDS: Final = 3600.0


@dataclass(frozen=True)
class Job:
    """What to send, as text of Latin-1, how long or how often, and what is expected.

    Attributes:
        port: Of the server, on loopback.
        status: Of every answer; 0 for any that is no error.
        requests: Sent in turns.
        connections: How many are open.
        seconds: How long is measured; 0: until `count` answers.
        warm_up_seconds: How long is sent before that.
        count: How many answers end a load without a length of time.
        first_number: Before the numbers that requests carry.
        may_fail: Other answers end nothing, and are not counted.
    """

    port: int
    status: int
    requests: list[str]
    connections: int
    seconds: float = 0.0
    warm_up_seconds: float = 0.0
    count: int = 0
    first_number: int = 0
    may_fail: bool = False


@dataclass(frozen=True)
class Measured:
    """What came of a load; latencies in milliseconds, `answered` and `failed` with the warm-up."""

    rate: float
    p50: float
    p99: float
    answered: int
    failed: int = 0


class UnexpectedAnswer(Exception):
    """A server answered with another status, without a length, or not at all."""


class Load:
    """Sends the requests of a job over its connections and notes how long each answer takes."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._requests = [request.encode("latin-1") for request in job.requests]
        self._numbers = any(_NUMBERED in request for request in self._requests)
        self._sent = 0
        self._latencies: list[float] = []
        self._answered_before = 0
        self._failed = 0
        self._began = 0.0
        self._ended: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    async def run(self) -> Measured:
        """Measure.

        Raises:
            UnexpectedAnswer: See there.
        """
        loop = asyncio.get_running_loop()
        opened: list[tuple[asyncio.Transport, Connection]] = []
        try:
            for _ in range(self._job.connections):
                opened.append(await loop.create_connection(self._connect, HOST, self._job.port))  # noqa: PERF401 — those before a failure are closed.
            self.begin()
            for _, connection in opened:
                connection.send()
            if self._job.seconds:
                loop.call_later(self._job.warm_up_seconds, self.begin)
                loop.call_later(self._job.warm_up_seconds + self._job.seconds, self.end)
            seconds = await self._ended - self._began
        finally:
            for transport, _ in opened:
                transport.close()
        found = sorted(self._latencies)
        if not found:
            raise UnexpectedAnswer("nothing was answered in time")
        return Measured(
            len(found) / seconds,
            found[len(found) // 2] * 1000,
            found[len(found) * 99 // 100] * 1000,
            self._answered_before + len(found),
            self._failed,
        )

    def begin(self) -> None:
        """Forget what was measured so far."""
        self._answered_before += len(self._latencies)
        self._latencies.clear()
        self._began = time.perf_counter()

    def end(self) -> None:
        """Measure no more."""
        if not self._ended.done():
            self._ended.set_result(time.perf_counter())

    def fail(self, what: str) -> None:
        """End without a result."""
        if not self._ended.done():
            self._ended.set_exception(UnexpectedAnswer(what))

    def next_request(self) -> bytes:
        """Return what to send next."""
        request = self._requests[self._sent % len(self._requests)]
        self._sent += 1
        if not self._numbers:
            return request
        return request.replace(_NUMBERED, b"%08d" % (self._job.first_number + self._sent))

    def answered(self, status: bytes, seconds: float, answer: bytes) -> bool:
        """Note an answer; return whether to go on."""
        if self._ended.done():
            return False
        if not self._expected(status):
            if self._job.may_fail:
                self._failed += 1
                return True
            self.fail(answer[:2000].decode("latin-1"))
            return False
        self._latencies.append(seconds)
        if not self._job.seconds and len(self._latencies) >= self._job.count:
            self.end()
            return False
        return True

    def _connect(self) -> "Connection":
        return Connection(self)

    def _expected(self, status: bytes) -> bool:
        return int(status) == self._job.status if self._job.status else status < b"400"


class Connection(asyncio.Protocol):
    """One request at a time. It looks at what it must of an answer, and at nothing else."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # What TCP has; uvloop's own does not say so.
        self._transport = cast("asyncio.Transport", transport)

    def send(self) -> None:
        """Send the next request."""
        assert self._transport is not None  # noqa: S101 — it is connected.
        request = self._load.next_request()
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        received = self._received + data if self._received else data
        try:
            if not complete(received):
                self._received = received
                return
        except UnexpectedAnswer as error:
            self._load.fail(str(error))
            return
        self._received = b""
        elapsed = time.perf_counter() - self._sent_at
        if self._load.answered(received[9:12], elapsed, received):
            self.send()

    def connection_lost(self, error: Exception | None) -> None:
        self._load.fail(f"the server closed a connection: {error}")


def complete(received: bytes) -> bool:
    """Tell whether an answer is there as a whole.

    Raises:
        UnexpectedAnswer: It does not say how long it is.
    """
    head = received.find(_HEAD)
    if head < 0:
        return False
    if received[9:12] == _WITHOUT_BODY:
        return True
    found = _LENGTH.search(received, 0, head)
    if found is None:
        raise UnexpectedAnswer(f"an answer without its length: {received[:2000]!r}")
    return len(received) >= head + len(_HEAD) + int(found[1])


async def measure(job: Job) -> Measured:
    """Run a job in this process."""
    planned = job.seconds + job.warm_up_seconds + _PATIENCE_SECONDS
    async with asyncio.timeout(planned if job.seconds else _LONGEST_SECONDS):
        return await Load(job).run()


def main(file: str) -> None:
    """Run the job in a file and print what was measured."""
    job = Job(**json.loads(Path(file).read_text(encoding="utf-8")))
    print(json.dumps(asdict(uvloop.run(measure(job)))))


if __name__ == "__main__":
    main(sys.argv[1])
