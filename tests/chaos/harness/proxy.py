"""A TCP proxy that makes a network bad on purpose: slow, silent, reset, half-open or cut.

It runs in a thread of its own, so that nothing else in this process delays what it passes on.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

import uvloop

from devstack.processes import LOOPBACK, free_port

_CHUNK_BYTES = 65_536
_LINGER_NOT = struct.pack("ii", 1, 0)


@dataclass(eq=False, slots=True)
class _Link:
    """A client's connection and the one made for it; without `open` nothing passes."""

    writers: list[asyncio.StreamWriter]
    open: asyncio.Event = field(default_factory=asyncio.Event)


class Proxy:
    """Passes connections on to `target`; `port` stays the same over every fault."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self._target = target
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")
        self._server: asyncio.Server | None = None
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._latency = 0.0
        self._silent = self._resetting = False

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def heal(self) -> None:
        """Pass everything on again; what was held back is delivered, as TCP would."""
        self._run(self._heal())

    def slow_down(self, seconds: float) -> None:
        """Delay each piece of data."""
        self._latency = seconds

    def black_hole(self) -> None:
        """Accept connections and data, and pass nothing on."""
        self._run(self._silence(new=True))

    def half_open(self) -> None:
        """Let the present connections fall silent for ever; new ones work."""
        self._run(self._silence(new=False))

    def reset(self) -> None:
        """Answer present and new connections with RST."""
        self._run(self._reset())

    def cut(self) -> None:
        """Close the present connections and refuse new ones."""
        self._run(self._cut())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, LOOPBACK, self.port)

    async def _heal(self) -> None:
        self._latency, self._silent, self._resetting = 0.0, False, False
        for link in self._links:
            link.open.set()
        if self._server is None:
            await self._listen()

    async def _silence(self, *, new: bool) -> None:
        self._silent = new
        for link in list(self._links):
            link.open.clear()
            if not new:
                # Nobody wakes these again: the other side is gone without having said so.
                self._links.discard(link)

    async def _reset(self) -> None:
        self._resetting = True
        self._drop(linger=False)

    async def _cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        self._drop(linger=True)

    async def _close(self) -> None:
        await self._cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _drop(self, *, linger: bool) -> None:
        for link in self._links:
            for writer in link.writers:
                _end(writer, linger=linger)
        self._links.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self._resetting:
            _end(writer, linger=False)
            return
        with suppress(OSError, asyncio.CancelledError):
            upstream = await asyncio.open_connection(LOOPBACK, self._target)
            link = _Link([writer, upstream[1]])
            if not self._silent:
                link.open.set()
            self._links.add(link)
            pumps = [
                asyncio.create_task(self._pump(link, reader, upstream[1])),
                asyncio.create_task(self._pump(link, upstream[0], writer)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
            self._links.discard(link)
            _end(upstream[1], linger=True)
        _end(writer, linger=True)

    async def _pump(
        self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK_BYTES):
                if self._latency:
                    await asyncio.sleep(self._latency)
                await link.open.wait()
                writer.write(data)
                await writer.drain()


def _end(writer: asyncio.StreamWriter, *, linger: bool) -> None:
    """Close with FIN, or, without lingering, with RST."""
    transport = writer.transport
    if not linger:
        with suppress(OSError):
            raw: socket.socket = transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    transport.abort()
