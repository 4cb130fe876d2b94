"""`make doctor`: checks what a start needs, and says for each that is missing how to mend it."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console

from devstack.binaries import postgres_binary, traefik, valkey_server
from devstack.control import Stack
from devstack.postgres import unprivileged, user_namespaces_work
from devstack.processes import is_free, marked, port_owner
from devstack.settings import StackSettings

NEEDED_DISK_BYTES = 1024**3
NEEDED_MEMORY_BYTES = 1536 * 1024**2
_GIGABYTE = 1024**3


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, whether it will do, and how to mend it if not."""

    subject: str
    found: str
    good: bool
    mend: str = ""


def run_doctor(console: Console, stack: Stack, settings: StackSettings) -> int:
    """Print all findings; return the exit status."""
    findings = list(examine(stack, settings))
    for each in findings:
        mark = "[green]✓[/]" if each.good else "[red]✗[/]"
        console.print(f"  {mark} {each.subject:<12} {each.found}")
        if not each.good:
            console.print(f"    Hint: {each.mend}")
    bad = sum(not each.good for each in findings)
    console.print(f"{bad} to mend." if bad else "Everything a start needs is there.")
    return 1 if bad else 0


def examine(stack: Stack, settings: StackSettings) -> Iterator[Finding]:
    """Look at everything that a start needs."""
    yield _python(stack.layout.root)
    yield _uv(stack.layout.root)
    yield from _binaries()
    yield _privileges()
    yield _disk(stack.layout.root)
    yield _memory()
    running = stack.is_running()
    yield _port("GATEWAY_PORT", settings.gateway_port, running=running)
    yield _port("MAILBOX_PORT", settings.mailbox_port, running=running)
    yield _left_over(stack, running=running)


def _python(root: Path) -> Finding:
    wanted = (root / ".python-version").read_text().strip()
    found = ".".join(map(str, sys.version_info[:2]))
    return Finding("python", f"{found} in {sys.prefix}", found == wanted, f"{root} wants {wanted}")


def _uv(root: Path) -> Finding:
    private = root / ".tools" / "uv" / "bin" / "uv"
    return Finding("uv", str(private), private.exists(), "make bootstrap")


def _binaries() -> Iterator[Finding]:
    finders: dict[str, Callable[[], str]] = {
        "postgresql": lambda: postgres_binary("postgres"),
        "valkey": valkey_server,
        "traefik": traefik,
    }
    for name, find in finders.items():
        path = find()
        mend = "remove .venv and run `make bootstrap`"
        yield Finding(name, Path(path).name, os.access(path, os.X_OK), mend)


def _privileges() -> Finding:
    if os.geteuid() != 0:
        return Finding("user", "not root: PostgreSQL starts plainly", good=True)
    if user_namespaces_work():
        return Finding("user", "root: PostgreSQL starts in a user namespace", good=True)
    tool = unprivileged()[0]
    mend = "run as an ordinary user, or allow user namespaces (sysctl user.max_user_namespaces)"
    found = f"root without user namespaces: PostgreSQL starts through {tool}"
    return Finding("user", found, shutil.which(tool) is not None, mend)


def _disk(root: Path) -> Finding:
    free = shutil.disk_usage(root).free
    mend = f"free at least {NEEDED_DISK_BYTES / _GIGABYTE:.0f} GB below {root}"
    return Finding("disk", f"{free / _GIGABYTE:.1f} GB free", free >= NEEDED_DISK_BYTES, mend)


def _memory() -> Finding:
    free = psutil.virtual_memory().available
    mend = "the whole stack takes about 1.5 GB: end other programs"
    found = f"{free / _GIGABYTE:.1f} GB available"
    return Finding("memory", found, free >= NEEDED_MEMORY_BYTES, mend)


def _port(name: str, port: int, *, running: bool) -> Finding:
    if running:
        return Finding(f"port {port}", "used by this stack", good=True)
    owner = None if is_free(port) else port_owner(port) or "a process that could not be named"
    mend = f"end it, or choose another port: {name}={port + 1} make up"
    return Finding(f"port {port}", f"taken by {owner}" if owner else "free", owner is None, mend)


def _left_over(stack: Stack, *, running: bool) -> Finding:
    left = [] if running else marked(stack.layout.marker)
    names = ", ".join(f"{each.name()} (pid {each.pid})" for each in left) or "none left over"
    return Finding("processes", names if not running else "running", not left, "make down")
