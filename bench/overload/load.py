"""The load: requests at random moments, whether or not the former ones have been answered.

A latency counts from the moment at which its request was due, so that a generator that is late
itself makes the figures worse and never better; how late it was is told, too.
"""

import asyncio
import random
import time
from collections import defaultdict
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

# As many as `make bench` uses; nobody is refused while the capacity is measured.
CLOSED_CONNECTIONS, OPEN_CONNECTIONS = 32, 1000
SETTLING_SECONDS = 0.5


@dataclass(frozen=True)
class Measured:
    """What became of the requests: rates a second, quantiles in milliseconds.

    Attributes:
        goodput: Answers within the time that was measured.
        accepted: p50 and p99 of answers.
        refused: p50 and p99 of refusals.
        refusals: Refusals a second.
        wrong: Answers that are neither 200 nor 503 with Retry-After.
        unsent: Requests that found every connection taken.
        late: p99 of how late requests were sent.
    """

    goodput: float
    accepted: tuple[float, float]
    refused: tuple[float, float]
    refusals: float
    wrong: int
    unsent: int
    late: float

    @property
    def refused_percent(self) -> float:
        """Return how many of a hundred that had an answer were refused."""
        return self.refusals / (self.refusals + self.goodput) * 100

    def __str__(self) -> str:
        told = [f"{self.goodput:.0f}/s ({_times(self.accepted)})"]
        if self.refusals:
            told.append(f"refused {self.refusals:.0f}/s ({_times(self.refused)})")
        if self.unsent:
            told.append(f"{self.unsent} unsent")
        return ", ".join([*told, f"sent late by {self.late:.1f} ms"])


class Load:
    """Requests of one kind. `run` sends them, once."""

    def __init__(self, *, wait: float, seconds: float) -> None:
        self._request = f"GET /api/v1/work?wait={wait} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        self._seconds = seconds
        self._end = 0.0
        self._idle: list[_Connection] = []
        self._times: dict[int, list[float]] = defaultdict(list)
        self._late: list[float] = []
        self._good = 0
        self._wrong = 0
        self._unsent = 0

    async def run(self, port: int, rate: float) -> Measured:
        """Send so many a second on average; at rate 0 as fast as is answered."""
        connect = asyncio.get_running_loop().create_connection
        for _ in range(OPEN_CONNECTIONS if rate else CLOSED_CONNECTIONS):
            _, connection = await connect(lambda: _Connection(self), "127.0.0.1", port)
            self._idle.append(connection)
        # The app is still busy with the connections.
        await asyncio.sleep(SETTLING_SECONDS)
        await self._send_all(rate)
        await asyncio.sleep(SETTLING_SECONDS)
        return self._measured()

    def answered(self, connection: "_Connection", answer: bytes, due: float) -> None:
        """Note an answer; its connection may be used again."""
        now = time.perf_counter()
        self._idle.append(connection)
        status = int(answer[9:12])
        self._times[status].append(now - due)
        self._good += status == HTTPStatus.OK and now < self._end
        refused = status == HTTPStatus.SERVICE_UNAVAILABLE and b"retry-after: " in answer
        self._wrong += status != HTTPStatus.OK and not refused

    async def _send_all(self, rate: float) -> None:
        moments = random.Random(1)  # noqa: S311 — a load, not a secret.
        due = time.perf_counter()
        self._end = due + self._seconds
        while due < self._end:
            if not rate:
                due = time.perf_counter()
            while due <= time.perf_counter() and (rate or self._idle):
                self._send(due)
                due += moments.expovariate(rate) if rate else 0
            # Spinning: a timer would be late by a millisecond.
            await asyncio.sleep(0)

    def _send(self, due: float) -> None:
        if self._idle:
            self._idle.pop().ask(self._request, due)
            self._late.append(time.perf_counter() - due)
        else:
            self._unsent += 1

    def _measured(self) -> Measured:
        accepted = self._times[HTTPStatus.OK]
        refused = self._times[HTTPStatus.SERVICE_UNAVAILABLE]
        return Measured(
            goodput=self._good / self._seconds,
            accepted=(quantile(accepted, 0.5), quantile(accepted, 0.99)),
            refused=(quantile(refused, 0.5), quantile(refused, 0.99)),
            refusals=len(refused) / self._seconds,
            wrong=self._wrong,
            unsent=self._unsent,
            late=quantile(self._late, 0.99),
        )


class _Connection(asyncio.Protocol):
    """One kept-alive connection with one request at a time."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._due = 0.0
        self._received = b""
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def ask(self, request: bytes, due: float) -> None:
        self._due = due
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        # Head and body may come apart; every body here is an object.
        if self._received.endswith(b"}"):
            answer, self._received = self._received, b""
            self._load.answered(self, answer, self._due)


def _times(quantiles: tuple[float, float]) -> str:
    return f"p50 {quantiles[0]:.1f}, p99 {quantiles[1]:.1f} ms"


def quantile(seconds: list[float], share: float) -> float:
    """Return a quantile in milliseconds; 0 of nothing."""
    return sorted(seconds)[int(share * (len(seconds) - 1))] * 1000 if seconds else 0.0
