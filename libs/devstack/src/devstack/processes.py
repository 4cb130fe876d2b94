"""Ports and processes of this machine: what is free, whose they are, how to end them for good."""

import ctypes
import os
import random
import signal
import socket
import sys
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import psutil

MARKER = "COLONNADE_STACK"
LOOPBACK = "127.0.0.1"
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LIBC = ctypes.CDLL(None, use_errno=True)


def free_port(avoid: Collection[int] = ()) -> int:
    """A port that nobody listens on, below the range from which the kernel lends ports.

    A port of that range may be some client's at the moment a part is restarted on it.
    """
    for port in random.sample(range(20_000, _first_lent_port()), k=500):
        if port not in avoid and is_free(port):
            return port
    raise OSError("500 random ports were all taken")


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen on `port` now."""
    with socket.socket() as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((host, port))
        except OSError:
            return False
    return True


def port_owner(port: int) -> str | None:
    """Name the process that listens on `port`, as far as this user may know it."""
    for connection in psutil.net_connections(kind="tcp"):
        if connection.status != psutil.CONN_LISTEN or connection.laddr[1:] != (port,):
            continue
        if connection.pid is None:
            return "a process of another user"
        return _describe(psutil.Process(connection.pid))
    return None


def marked(marker: str) -> list[psutil.Process]:
    """Every process that was started for the stack `marker`, whoever its parent is now."""
    return [process for process in psutil.process_iter() if marker_of(process) == marker]


def marker_of(process: psutil.Process) -> str | None:
    """The stack that `process` was started for, if this user may read it."""
    try:
        return process.environ().get(MARKER)
    except psutil.Error:
        return None


def end(processes: Iterable[psutil.Process], *, grace_seconds: float = 10) -> None:
    """Ask `processes` to end, insist at half the grace, kill what is left after it.

    The second request is SIGINT, on which PostgreSQL no longer waits for its clients.
    """
    left = list(processes)
    for request in (signal.SIGTERM, signal.SIGINT):
        _signal(left, request)
        left = outlasting(left, grace_seconds / 2)
    _signal(left, signal.SIGKILL)
    outlasting(left, 5)


def outlasting(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those that still run after `seconds`; returns sooner when none does."""
    deadline = time.monotonic() + seconds
    while (left := [each for each in processes if runs(each)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def runs(process: psutil.Process) -> bool:
    """Whether it does; a zombie does not, for not every container's init reaps orphans."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def die_with_parent(request: signal.Signals = signal.SIGTERM) -> Callable[[], None]:
    """A `preexec_fn` after which the child gets `request` when the thread that started it ends."""

    def arrange() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(request), 0, 0, 0)

    return arrange


def spawn_detached(module: str, *arguments: str, log: Path, environment: dict[str, str]) -> int:
    """Run a Python module in a session of its own, for longer than this process; return its pid."""
    command = [sys.executable, "-m", module, *arguments]
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawn(
        command[0],
        command,
        environment,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, flags, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )


def has_ended(child: int) -> bool:
    """Whether the child with this pid has ended; it is reaped then, so ask no more."""
    return os.waitpid(child, os.WNOHANG)[0] != 0


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def wait_until(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Poll `condition`; raise TimeoutError naming `what` when it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(0.02)


def _first_lent_port() -> int:
    setting = Path("/proc/sys/net/ipv4/ip_local_port_range")
    lowest = int(setting.read_text().split()[0]) if setting.exists() else 32_768
    return max(lowest, 24_000)


def _describe(process: psutil.Process) -> str:
    name = f"{process.name()} (pid {process.pid})"
    stack = marker_of(process)
    return f"{name} of the stack in {stack}" if stack else name


def _signal(processes: Iterable[psutil.Process], request: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(request)
        except psutil.NoSuchProcess:
            continue
