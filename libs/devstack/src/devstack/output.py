"""What the command line prints: one line per part, the URLs, and why a start failed."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import psutil
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from devstack.control import Stack, explain

COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_red", "bright_cyan")
_RUNNING = ("ready", "done")
_MEBIBYTE = 1024 * 1024


class Progress:
    """Prints each part once, when it is ready."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: set[str] = set()

    def show(self, board: Mapping[str, Any]) -> None:
        """Print the parts that became ready since the last call."""
        for record in (*board["steps"], *board["processes"]):
            if record["state"] in _RUNNING and record["name"] not in self._shown:
                self._shown.add(record["name"])
                where = f"port {record['port']}" if record["port"] else ""
                line = f"{record['name']:<20} {record['seconds']:5.1f} s  [dim]{where}[/]"
                self._console.print(f"  [green]✓[/] {line}")


def print_external(console: Console, board: Mapping[str, Any]) -> None:
    """The servers that are not started but used: a variable of another project may name them."""
    for part, url in board.get("external", {}).items():
        address = urlsplit(url).netloc.rpartition("@")[2]
        console.print(f"  {part:<22} the one at {escape(address)}, as the environment says")


def print_urls(console: Console, board: Mapping[str, Any]) -> None:
    """Where a person goes next."""
    console.print(f"  Gateway  {board['gateway_url']}/api/v1   documents at /docs")
    console.print(f"  Mailbox  {board['mailbox_url']}")
    console.print("  [dim]make demo · make ps · make logs S=<part> · make down[/]")


def print_failure(console: Console, stack: Stack, board: dict[str, Any]) -> None:
    """The part that failed, the end of its log, and a hint."""
    message, hint = explain(stack.layout, board)
    first, _, log = message.partition("\n")
    console.print(f"  [red]✗[/] {escape(first)}")
    for line in log.splitlines():
        console.print(Text(f"    │ {line}", style="dim"))
    if hint:
        console.print(f"  Hint: {hint}")
    if failure := board.get("failure"):
        console.print(f"  Log:  {stack.layout.log(failure['part'])}")


def print_processes(console: Console, board: Mapping[str, Any]) -> None:
    """A table of the processes: state, pid, port, memory, uptime, restarts."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("part", "state"):
        table.add_column(heading)
    for heading in ("pid", "port", "memory", "uptime", "restarts"):
        table.add_column(heading, justify="right")
    for record in board["processes"]:
        table.add_row(
            record["name"],
            record["state"],
            str(record["pid"] or ""),
            str(record["port"] or ""),
            _memory(record["pid"]),
            _uptime(record) if record["pid"] else "",
            str(record["restarts"]),
        )
    console.print(table)


def prefix(part: str, width: int, number: int) -> Text:
    """The coloured name that precedes a line of a log."""
    return Text(f"{part:<{width}} │ ", style=COLOURS[number % len(COLOURS)], end="")


def memory_bytes(pid: int | None) -> int:
    """What the process and its children hold alone, shared pages counted in part."""
    if pid is None or not psutil.pid_exists(pid):
        return 0
    process = psutil.Process(pid)
    return sum(_held(each) for each in (process, *process.children(recursive=True)))


def _held(process: psutil.Process) -> int:
    try:
        held: int = process.memory_full_info().pss
    except psutil.NoSuchProcess:
        return 0
    except psutil.AccessDenied:
        return process.memory_info().rss
    return held


def _memory(pid: int | None) -> str:
    return f"{memory_bytes(pid) / _MEBIBYTE:.0f} MiB" if pid else ""


def _uptime(record: Mapping[str, Any]) -> str:
    started = datetime.fromisoformat(record["started_at"])
    return str(timedelta(seconds=int((datetime.now(UTC) - started).total_seconds())))
