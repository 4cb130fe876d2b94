"""How the supervisor knows that a part is ready: each probe asks what a client would ask.

A probe takes what the part logged since it was started; it answers False or raises OSError
while the part is not ready.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable

from devstack.postgres import is_ready_command
from devstack.processes import LOOPBACK

PATIENCE_SECONDS = 2.0
type Probe = Callable[[str], Awaitable[bool]]


def answers(port: int, path: str = "/readyz") -> Probe:
    """HTTP: `path` is answered with 200."""

    async def probe(_log: str) -> bool:
        answer = await _exchange(port, _get(path))
        return b" 200 " in answer.partition(b"\r\n")[0]

    return probe


def routes(port: int) -> Probe:
    """Traefik: it has read its routes, before which it answers everything with a page of its own.

    Its `/ping` says nothing of that.
    """

    async def probe(_log: str) -> bool:
        answer = await _exchange(port, _get("/"))
        return answer != b"" and b"404 page not found" not in answer

    return probe


def lets_in(port: int, password: str) -> Probe:
    """Valkey: the administrator may log in."""

    async def probe(_log: str) -> bool:
        return await _exchange(port, f"AUTH {password}\r\nQUIT\r\n") == b"+OK\r\n+OK\r\n"

    return probe


def accepts_connections(port: int) -> Probe:
    """PostgreSQL: it accepts connections."""

    async def probe(_log: str) -> bool:
        asked = await asyncio.create_subprocess_exec(*is_ready_command(LOOPBACK, port))
        return await asked.wait() == 0

    return probe


def logged(pattern: str) -> Probe:
    """The part wrote a line that matches `pattern`, for parts that listen nowhere."""
    wanted = re.compile(pattern)

    async def probe(log: str) -> bool:
        return wanted.search(log) is not None

    return probe


def _get(path: str) -> str:
    return f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}\r\nConnection: close\r\n\r\n"


async def _exchange(port: int, request: str) -> bytes:
    """Send `request`; everything that is answered until the other side closes."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        try:
            writer.write(request.encode())
            return await reader.read()
        finally:
            writer.close()
