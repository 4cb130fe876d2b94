"""What one hop more costs: one connection to each of two servers, which are asked in turns.

`python -m bench.routes.hop FILE`: the file is a `HopJob` in JSON; milliseconds are printed as JSON.
What is compared lies a few milliseconds apart, so that a machine which changes its speed from one
second to the next changes both.
"""

import json
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from bench.routes.load import HOST, UnexpectedAnswer, complete


@dataclass(frozen=True)
class HopJob:
    """The requests, as text of Latin-1, that both servers answer with 200."""

    ports: Sequence[int]
    requests: Sequence[str]
    seconds: float


@dataclass(frozen=True)
class Hop:
    """The median latencies by way of the gateway and without it, in milliseconds."""

    gateway: float
    direct: float


def measure(job: HopJob) -> Hop:
    """Ask both servers for the same in turns.

    Raises:
        UnexpectedAnswer: One of them did not answer with 200.
    """
    requests = [request.encode("latin-1") for request in job.requests]
    latencies: list[list[float]] = [[] for _ in job.ports]
    until, sent = time.monotonic() + job.seconds, 0
    with ExitStack() as stack:
        connections = [
            stack.enter_context(socket.create_connection((HOST, port))) for port in job.ports
        ]
        while time.monotonic() < until or not sent:
            request = requests[sent % len(requests)]
            sent += 1
            for connection, found in zip(connections, latencies, strict=True):
                began = time.perf_counter()
                exchange(connection, request)
                found.append((time.perf_counter() - began) * 1000)
    return Hop(*map(median, latencies))


def exchange(connection: socket.socket, request: bytes, status: bytes = b"200") -> None:
    """Send a request and wait for its whole answer.

    Raises:
        UnexpectedAnswer: It has another status, or does not come.
    """
    connection.sendall(request)
    answer = b""
    while not complete(answer):
        received = connection.recv(1 << 18)
        if not received:
            raise UnexpectedAnswer("the server closed a connection")
        answer += received
    if answer[9:12] != status:
        raise UnexpectedAnswer(answer[:2000].decode("latin-1"))


def main(file: str) -> None:
    """Run the job in a file and print what was measured."""
    job = HopJob(**json.loads(Path(file).read_text(encoding="utf-8")))
    print(json.dumps(asdict(measure(job))))


if __name__ == "__main__":
    main(sys.argv[1])
