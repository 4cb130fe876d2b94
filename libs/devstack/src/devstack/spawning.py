"""Starts the process of a part: plainly, or, for Python's slow imports, as a nursery's child."""

import asyncio
import itertools
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from devstack.parts import Part
from devstack.processes import die_with_parent


class Running(Protocol):
    """What a keeper needs of a process; asyncio's own has it."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    async def wait(self) -> int: ...
    def send_signal(self, signal: int) -> None: ...


type Spawn = Callable[[Part, Path], Awaitable[Running]]


async def spawn(part: Part, log: Path) -> Process:
    """Start `part` in a session of its own, its output appended to `log`."""
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *part.command,
            cwd=part.cwd,
            env=part.environment,
            stdin=DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=die_with_parent(part.stop_signal),
        )


def kill_group(leader: int) -> None:
    """Kill a process and what it left in its session."""
    # Celery's children outlive a worker that was killed, and would take its tasks.
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


class Child:
    """A process that the nursery forked."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._status: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def returncode(self) -> int | None:
        return self._status.result() if self._status.done() else None

    async def wait(self) -> int:
        return await asyncio.shield(self._status)

    def send_signal(self, signal: int) -> None:
        os.kill(self.pid, signal)

    def has_ended(self, status: int) -> None:
        if not self._status.done():
            self._status.set_result(status)


class Nursery:
    """The supervisor's side of `devstack.nursery`; when it dies, so do its children."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._children: dict[int, Child] = {}
        self._asked: dict[int, asyncio.Future[Child]] = {}
        self._numbers = itertools.count()
        self._process: Process | None = None
        self._listener: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Start it; it takes requests at once and answers when it has loaded its modules."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-u", "-m", "devstack.nursery"),
                stdin=PIPE,
                stdout=PIPE,
                stderr=output,
                start_new_session=True,
                preexec_fn=die_with_parent(),
            )
        self._listener = asyncio.create_task(self._listen(self._process))

    async def close(self) -> None:
        """End it; its children should have ended."""
        if self._process and self._process.stdin and self._listener:
            self._process.stdin.close()
            await self._process.wait()
            await self._listener

    async def spawn(self, part: Part, log: Path) -> Running:
        """As the function `spawn`, which stands in for parts not forked and a nursery that died.

        The command of a forked part must be `python -m MODULE ARGUMENTS…`.
        """
        process = self._process
        if not part.forked or not process or not process.stdin or process.returncode is not None:
            return await spawn(part, log)
        _, _, module, *arguments = part.command
        number = next(self._numbers)
        answer: asyncio.Future[Child] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        request = {
            "id": number,
            "name": part.name,
            "module": module,
            "arguments": arguments,
            "environment": dict(part.environment),
            "cwd": str(part.cwd),
            "log": str(log),
            "stop_signal": int(part.stop_signal),
        }
        process.stdin.write(json.dumps(request).encode() + b"\n")
        try:
            return await answer
        except EOFError:
            return await spawn(part, log)

    async def _listen(self, process: Process) -> None:
        assert process.stdout is not None  # noqa: S101 - it was opened with a pipe
        async for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "started":
                child = self._children[event["pid"]] = Child(event["pid"])
                answer = self._asked.pop(event["id"])
                if not answer.cancelled():
                    answer.set_result(child)
            else:
                self._children.pop(event["pid"]).has_ended(event["status"])
        self._abandon()

    def _abandon(self) -> None:
        """The nursery is gone: nobody would tell how its children end, so they end now."""
        for child in self._children.values():
            kill_group(child.pid)
            child.has_ended(-signal.SIGKILL)
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(EOFError("the nursery ended"))
        self._children.clear()
        self._asked.clear()
