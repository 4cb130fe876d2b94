"""Keeps one part alive: starts it, waits until it is ready, starts it again when it dies.

It keeps its port and its log; the pause before a new start grows while the part keeps dying.
"""

import asyncio
import math
import signal
import time
from pathlib import Path

from devstack.board import Board, now
from devstack.parts import Part
from devstack.spawning import Running, Spawn, kill_group, spawn

POLL_SECONDS = 0.05
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 10.0
# Of being ready: a part whose start works is no part that keeps failing.
STEADY_SECONDS = 1.0


class StartFailed(Exception):
    """A part was never ready: the stack cannot start."""

    def __init__(self, part: Part, reason: str) -> None:
        super().__init__(f"{part.name}: {reason}")
        self.part = part
        self.reason = reason


class Keeper:
    """One part; `ready` is set once it was ready (a step: done), `stopped` when it is over."""

    def __init__(self, part: Part, log: Path, board: Board, spawn: Spawn = spawn) -> None:
        self.part = part
        self.ready = asyncio.Event()
        self.stopped = asyncio.Event()
        self._log = log
        self._spawn = spawn
        self._board = board
        self._process: Running | None = None
        self._hurry = asyncio.Event()
        self._ready_at = math.inf

    async def keep(self) -> None:
        """Run a step once, any other part for ever.

        Raises:
            StartFailed: it was not ready in its time, or ended before, at the first start.
        """
        pause = FIRST_PAUSE_SECONDS
        while True:
            reason = await self._live()
            if not self.ready.is_set():
                self._board.note(self.part.name, state="failed", pid=None)
                raise StartFailed(self.part, reason)
            if self.part.is_step:
                return
            steady = time.monotonic() - self._ready_at > STEADY_SECONDS
            pause = FIRST_PAUSE_SECONDS if steady else min(2 * pause, LONGEST_PAUSE_SECONDS)
            await self._wait_before_restart(pause)

    async def restart(self) -> None:
        """Start the part anew without a pause."""
        self._hurry.set()
        await self._end_process()

    async def stop(self) -> None:
        """End the part for good; `keep` must not run any more."""
        await self._end_process()
        if not self.part.is_step:
            self._board.note(self.part.name, state="stopped", pid=None)
        self.stopped.set()

    async def _live(self) -> str:
        """One life, from start to end; returns why it ended."""
        offset = self._log.stat().st_size if self._log.exists() else 0
        process = await self._start()
        try:
            async with asyncio.timeout(self.part.start_seconds):
                await self._until_settled(process, offset)
        except TimeoutError:
            reason = f"it was not ready after {self.part.start_seconds:g} s"
        else:
            reason = _ending(await process.wait())
        # Not when cancelled: the supervisor then stops the parts in their order.
        await self._end_process()
        return reason

    async def _until_settled(self, process: Running, offset: int) -> None:
        """Until the part is ready or done, or has ended."""
        began = time.monotonic()
        settled = self.part.is_step and await process.wait() == 0
        while not settled and process.returncode is None:
            settled = await self._is_ready(offset)
            if not settled:
                await asyncio.sleep(POLL_SECONDS)
        if settled:
            state = "done" if self.part.is_step else "ready"
            seconds = round(time.monotonic() - began, 3)
            self._board.note(self.part.name, state=state, seconds=seconds)
            self._ready_at = time.monotonic()
            self.ready.set()

    async def _is_ready(self, offset: int) -> bool:
        if self.part.ready is None:
            return False
        with self._log.open(encoding="utf-8", errors="replace") as log:
            log.seek(offset)
            written = log.read()
        try:
            return await self.part.ready(written)
        except OSError:
            return False

    async def _wait_before_restart(self, seconds: float) -> None:
        restarts = self._board.restarts(self.part.name) + 1
        self._board.note(self.part.name, state="restarting", pid=None, restarts=restarts)
        try:
            await asyncio.wait_for(self._hurry.wait(), seconds)
        except TimeoutError:
            return

    async def _end_process(self) -> None:
        """End the process if it runs, and whatever it left in its session."""
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            process.send_signal(self.part.stop_signal)
            try:
                await asyncio.wait_for(process.wait(), self.part.stop_seconds)
            except TimeoutError:
                kill_group(process.pid)
                await process.wait()
        kill_group(process.pid)
        if self._process is process:  # Not its successor: `keep` may have been quicker.
            self._process = None

    async def _start(self) -> Running:
        self._hurry.clear()
        self._ready_at = math.inf
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._log.touch()
        self._process = await self._spawn(self.part, self._log)
        pid = self._process.pid
        self._board.note(self.part.name, state="starting", pid=pid, started_at=now())
        return self._process


def _ending(status: int) -> str:
    if status >= 0:
        return f"it ended with status {status}"
    return f"it was ended by {signal.Signals(-status).name}"
