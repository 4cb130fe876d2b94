"""Starts, watches and stops a stack from outside, for the command line and for tests."""

import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil

from devstack.board import mark_down, read_board
from devstack.layout import Layout
from devstack.processes import (
    end,
    has_ended,
    is_free,
    marked,
    port_owner,
    spawn_detached,
    wait_until,
)
from devstack.settings import StackSettings

SETTLED = ("up", "failed", "down")


class StackError(Exception):
    """The stack could not be started; the message says why, `hint` how to mend it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Stack:
    """The stack of one layout, whoever started it."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def is_running(self) -> bool:
        """Whether its guard lives."""
        if not self.layout.lock.exists():
            return False
        with self.layout.lock.open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def board(self) -> dict[str, Any]:
        """What the state file says; a stack whose guard is gone is down, whatever it says."""
        board = read_board(self.layout)
        if board["state"] not in SETTLED[1:] and not self.is_running():
            board["state"] = "down"
        return board

    def start(self, settings: StackSettings, *options: str) -> None:
        """Begin to start it; `watch` follows. `options` are the guard's.

        Raises:
            StackError: a port that it needs is taken.
        """
        self.sweep()
        _check_ports(settings)
        self.layout.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        log = self.layout.log("supervisor")
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
        environment = os.environ | {
            "COLONNADE_ROOT": str(self.layout.root),
            "COLONNADE_STATE": str(self.layout.folder),
            **settings.environment(),
        }
        guard = spawn_detached("devstack.guard", *options, log=log, environment=environment)

        def started() -> bool:
            if read_board(self.layout).get("guard") == guard:
                return True
            if has_ended(guard):
                raise StackError(f"the supervisor ended at once:\n{log.read_text()}")
            return False

        wait_until(started, seconds=30, what=f"the supervisor runs ({log})")

    def watch(self, on_change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Call `on_change` with the board until the start has succeeded or failed; return it."""
        while True:
            board = self.board()
            on_change(board)
            if board["state"] == "up":
                return board
            if board["state"] in SETTLED and not self.is_running():
                return board
            time.sleep(0.05)

    def stop(self) -> bool:
        """End it and whatever is left of it; return whether there was anything to end."""
        ran = self.is_running()
        if ran:
            os.kill(int(self.layout.lock.read_text()), signal.SIGTERM)
            wait_until(lambda: not self.is_running(), seconds=90, what="the stack stops")
        return bool(self.sweep()) or ran

    def sweep(self) -> list[psutil.Process]:
        """End the processes that a guard, now gone, could not end; return them."""
        left = marked(self.layout.marker)
        if left:
            end(left)
            mark_down(self.layout)
        return left


@contextmanager
def running_stack(layout: Layout, settings: StackSettings) -> Iterator[Stack]:
    """A stack that is up, and ends with the block or with this process.

    Raises:
        StackError: it did not start; the message has the last lines of the failed part's log.
    """
    stack = Stack(layout)
    stack.start(settings, "--tied")
    try:
        board = stack.watch(lambda _board: None)
        if board["state"] != "up":
            raise StackError(*explain(stack.layout, board))
        yield stack
    finally:
        stack.stop()


def explain(layout: Layout, board: dict[str, Any]) -> tuple[str, str]:
    """Why the last start failed, and what to do about it."""
    failure = board.get("failure")
    if failure is None:
        return "the stack was stopped while it started", ""
    tail = last_lines(layout, failure["part"])
    return f"{failure['part']}: {failure['reason']}\n{tail}", failure["hint"]


def last_lines(layout: Layout, part: str, count: int = 15) -> str:
    """The end of the log of `part`."""
    log = layout.log(part)
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return "\n".join(lines[-count:])


def _check_ports(settings: StackSettings) -> None:
    fixed = {"GATEWAY_PORT": settings.gateway_port, "MAILBOX_PORT": settings.mailbox_port}
    for name, port in fixed.items():
        if not is_free(port):
            owner = port_owner(port) or "a process that could not be named"
            raise StackError(f"port {port} is taken by {owner}", f"{name} chooses another port.")
