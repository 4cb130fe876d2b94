"""The machine of a benchmark: its cores, who else uses them, and what it is made of."""

import os
import platform
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

import psutil

from devstack.binaries import postgres_binary, traefik, valkey_server

ROOT: Final = Path(__file__).resolve().parents[1]
_AUTOGROUP: Final = Path("/proc/self/autogroup")
_PRIORITY: Final = -10
_GROUPING: Final = Path("/proc/sys/kernel/sched_autogroup_enabled")
# Above others, and not so far above the kernel's own threads that these could not write to disk.
_NICE: Final = -5
_KERNEL: Final = 2


@dataclass(frozen=True, slots=True)
class Cores:
    """One core for what is measured, the others for all else; the same one where there is one."""

    measured: frozenset[int]
    others: frozenset[int]

    @property
    def all(self) -> frozenset[int]:
        return self.measured | self.others


def split_cores() -> Cores:
    """Take the last core for what is measured: the kernel's own work prefers the first."""
    found = sorted(os.sched_getaffinity(0))
    return Cores(frozenset(found[-1:]), frozenset(found[:-1] or found))


@contextmanager
def kept_to(cores: frozenset[int]) -> Iterator[None]:
    """Keep this process, and what it starts meanwhile, to some cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def raised_priority() -> Iterator[str]:
    """Let this session have the cores before others; yield what could be done about it.

    The kernel may group processes by session and share the cores among the groups; then `nice`
    says nothing to a process of another session.
    """
    if not _AUTOGROUP.exists():
        yield "no groups of the scheduler"
        return
    before = _AUTOGROUP.read_text(encoding="ascii").split()[-1]
    try:
        _AUTOGROUP.write_text(str(_PRIORITY), encoding="ascii")
    except PermissionError:
        yield "the scheduler's group has no priority: only root may raise it"
        return
    try:
        yield f"the scheduler's group has nice {_PRIORITY}"
    finally:
        _AUTOGROUP.write_text(before, encoding="ascii")


@contextmanager
def all_alike() -> Iterator[str]:
    """Have the scheduler know no sessions, and this process and what it starts before others.

    Each backend of PostgreSQL is a session and so a group of its own. Beside a full core, commits
    of a storm stood still for seconds, as one that held a lock of the log did not get its turn.
    Yields what could be done about it.
    """
    before = os.getpriority(os.PRIO_PROCESS, 0)
    try:
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)
    except PermissionError:
        yield "as any process: only root may raise it"
        return
    try:
        with _ungrouped():
            yield f"nice {_NICE}, sessions not grouped where that may be chosen"
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, before)


@contextmanager
def _ungrouped() -> Iterator[None]:
    try:
        before = _GROUPING.read_text(encoding="ascii")
        _GROUPING.write_text("0", encoding="ascii")
    except OSError:
        # It groups nothing, or a container may not change that.
        yield
        return
    try:
        yield
    finally:
        _GROUPING.write_text(before, encoding="ascii")


def cpu_seconds(pid: int) -> float:
    """Return the time of all cores that a process took, and its children that are alive."""
    parent = psutil.Process(pid)
    times = [each.cpu_times() for each in (parent, *parent.children(recursive=True))]
    return float(sum(each.user + each.system for each in times))


def own_seconds() -> float:
    """Return the time that this process and all its descendants took, ended ones included."""
    parent = psutil.Process()
    times = [each.cpu_times() for each in (parent, *parent.children(recursive=True))]
    return float(sum(sum(each[:4]) for each in times))


@dataclass(frozen=True, slots=True)
class Foreign:
    """The time that others took of the cores up to a moment: other processes, other machines."""

    at: float
    seconds: float

    @classmethod
    def now(cls) -> "Foreign":
        """Add up what others took, children that have ended included.

        The kernel's threads are not others: they write what a benchmark has written.
        """
        own = {os.getpid(), *(each.pid for each in psutil.Process().children(recursive=True))}
        seconds = float(getattr(psutil.cpu_times(), "steal", 0.0))
        for process in psutil.process_iter(["ppid", "cpu_times"]):
            times = process.info["cpu_times"]
            if process.pid in own or _KERNEL in (process.pid, process.info["ppid"]) or not times:
                continue
            seconds += sum(times[:4])
        return cls(time.monotonic(), seconds)

    def since(self, before: "Foreign") -> float:
        """Return how many cores others used on average since then."""
        return max(0.0, (self.seconds - before.seconds) / (self.at - before.at))


def environment(packages: Sequence[str], *, gateway: bool = False) -> dict[str, str]:
    """Return what a reader of figures has to know of where they come from."""
    cpu = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    memory = psutil.virtual_memory().total / 2**30
    libraries = ", ".join(f"{name} {version(name)}" for name in packages)
    servers = [_output(postgres_binary("postgres"), "--version"), _valkey_version()]
    if gateway:
        found = re.search(r"Version:\s*(\S+)", _output(traefik(), "version"))
        servers.append(f"Traefik {found[1] if found else 'unknown'}")
    return {
        "machine": f"{psutil.cpu_count()} cores ({cpu[1] if cpu else platform.machine()}),"
        f" {memory:.0f} GiB, Linux {platform.release()};"
        f" load average before the end {psutil.getloadavg()[1]:.1f}",
        "servers": f"{'; '.join(servers)}; fsync and synchronous_commit are on",
        "libraries": f"Python {platform.python_version()}, {libraries}",
        "commit": _output("git", "describe", "--always", "--dirty"),
        "date": datetime.now(UTC).date().isoformat(),
    }


def _valkey_version() -> str:
    found = re.search(r"v=([\d.]+)", _output(valkey_server(), "--version"))
    return f"Valkey {found[1] if found else 'unknown'}"


def _output(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()
