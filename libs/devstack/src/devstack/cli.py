"""The commands behind `make`: up, down, ps, logs, dev, reset, doctor, demo, events and auth."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from devstack.catalog import CatalogError
from devstack.control import Stack, StackError
from devstack.demo import run_demo
from devstack.doctor import run_doctor
from devstack.layout import Layout
from devstack.output import (
    Progress,
    prefix,
    print_external,
    print_failure,
    print_processes,
    print_urls,
)
from devstack.settings import SettingError, StackSettings
from devstack.speaker import speaker_environment
from devstack.tail import Tail

INTERRUPTED = 130
_IS = {
    "starting": "is starting",
    "up": "is up",
    "failing": "is failing to start",
    "stopping": "is stopping",
    "failed": "failed to start",
    "down": "is down",
}


def up(stack: Stack, console: Console, _arguments: argparse.Namespace) -> int:
    """Start everything; return when all of it is healthy."""
    began = time.monotonic()
    if stack.is_running() and stack.board()["state"] == "up":
        console.print("Colonnade is up already.")
        print_urls(console, stack.board())
        return 0
    console.print("Colonnade starts.")
    if not stack.is_running():
        stack.start(StackSettings.read())
        print_external(console, stack.board())
    board = stack.watch(Progress(console).show)
    if board["state"] != "up":
        print_failure(console, stack, board)
        return 1
    console.print(f"Colonnade is up after {time.monotonic() - began:.1f} s.", highlight=False)
    print_urls(console, board)
    return 0


def down(stack: Stack, console: Console, _arguments: argparse.Namespace) -> int:
    """Stop everything and leave no process behind."""
    console.print("Colonnade is down." if stack.stop() else "Colonnade was not running.")
    return 0


def ps(stack: Stack, console: Console, arguments: argparse.Namespace) -> int:
    """Show the processes."""
    board = stack.board()
    if arguments.json:
        print(json.dumps(board["processes"], indent=2))
        return 0
    console.print(f"Colonnade {_IS[board['state']]}.")
    if board["state"] != "down":
        print_processes(console, board)
    return 0


def logs(stack: Stack, console: Console, arguments: argparse.Namespace) -> int:
    """Show the last lines of the logs and follow them."""
    known = {each["name"]: Path(each["log"]) for each in _records(stack)}
    if arguments.part and arguments.part not in known:
        console.print(f"There is no part {arguments.part!r}. Parts: {', '.join(known) or 'none'}.")
        return 2
    chosen = [arguments.part] if arguments.part else list(known)
    printer = LogPrinter(console, {name: known[name] for name in chosen}, lines=50)
    printer.print_new()
    while not arguments.no_follow:
        time.sleep(0.2)
        printer.print_new()
    return 0


def dev(stack: Stack, console: Console, _arguments: argparse.Namespace) -> int:
    """Run in the foreground, show all logs, restart what changes; Ctrl-C stops it."""
    if stack.is_running():
        console.print("Colonnade is up already: `make down` first.")
        return 1
    stack.start(StackSettings.read(), "--reload", "--tied")
    print_external(console, stack.board())
    progress = Progress(console)
    printer = LogPrinter(console, {each["name"]: Path(each["log"]) for each in _records(stack)})
    announced = False
    while stack.is_running():
        board = stack.board()
        printer.print_new()
        progress.show(board)
        if board["state"] == "up" and not announced:
            print_urls(console, board)
            announced = True
        time.sleep(0.1)
    board = stack.board()
    if board["state"] == "down":
        console.print("Colonnade was stopped from elsewhere.")
        return 0
    print_failure(console, stack, board)
    return 1


def reset(stack: Stack, console: Console, _arguments: argparse.Namespace) -> int:
    """Stop everything and drop its data, logs, ports and secrets."""
    stack.stop()
    if stack.layout.folder.exists():
        shutil.rmtree(stack.layout.folder)
    console.print("Colonnade is down, and its data is gone.")
    return 0


def doctor(stack: Stack, console: Console, _arguments: argparse.Namespace) -> int:
    """Check what a start needs, and say how to mend it."""
    return run_doctor(console, stack, StackSettings.read())


def demo(stack: Stack, console: Console, _arguments: argparse.Namespace) -> int:
    """Take the tour of the platform and print it step by step."""
    board = stack.board()
    if board["state"] != "up":
        console.print(f"Colonnade {_IS[board['state']]}: `make up` first.")
        return 1
    return run_demo(console, board["gateway_url"], board["mailbox_url"])


def events(stack: Stack, console: Console, arguments: argparse.Namespace) -> int:
    """Look after events: `colonnade events` with the keys of this stack."""
    return _operate("events", stack, console, arguments)


def auth(stack: Stack, console: Console, arguments: argparse.Namespace) -> int:
    """Look after accounts: `colonnade auth` with the keys of this stack."""
    return _operate("auth", stack, console, arguments)


def _operate(group: str, stack: Stack, console: Console, arguments: argparse.Namespace) -> int:
    if not stack.is_running():
        console.print("Colonnade is down: `make up` first.")
        return 1
    # Its imports would delay every other command: it gets a process of its own.
    command = [sys.executable, "-m", "common.cli.main", group, *arguments.arguments]
    environment = os.environ | speaker_environment(stack.layout)
    return subprocess.run(command, env=environment, check=False).returncode


class LogPrinter:
    """Prints what is new in several logs, each line after the coloured name of its part."""

    def __init__(self, console: Console, logs: Mapping[str, Path], lines: int = 1000) -> None:
        self._console = console
        self._tails = {name: Tail(path, lines) for name, path in logs.items()}
        self._width = max((len(name) for name in logs), default=0)

    def print_new(self) -> None:
        """Print the lines that were written since the last call."""
        for number, (name, tail) in enumerate(self._tails.items()):
            for line in tail.new_lines():
                if len(self._tails) > 1:
                    self._console.print(prefix(name, self._width, number), end="")
                self._console.file.write(f"{line}\n")
        self._console.file.flush()


def _records(stack: Stack) -> list[dict[str, str]]:
    board = stack.board()
    return [*board["steps"], *board["processes"]]


COMMANDS: Mapping[str, Callable[[Stack, Console, argparse.Namespace], int]] = {
    "up": up,
    "down": down,
    "ps": ps,
    "logs": logs,
    "dev": dev,
    "reset": reset,
    "doctor": doctor,
    "demo": demo,
    "events": events,
    "auth": auth,
}
# What is passed on to the command line `colonnade`.
OPERATING = ("events", "auth")


def main() -> int:
    arguments = _parser().parse_args()
    console = Console(highlight=False, soft_wrap=True)
    try:
        return _run(arguments, console)
    except (CatalogError, SettingError, StackError, TimeoutError) as error:
        console.print(f"[red]✗[/] {escape(str(error))}")
        if hint := getattr(error, "hint", ""):
            console.print(f"  Hint: {hint}")
        return 1


def _run(arguments: argparse.Namespace, console: Console) -> int:
    stack = Stack(Layout.current())
    try:
        return COMMANDS[arguments.command](stack, console, arguments)
    except KeyboardInterrupt:
        console.print()
        if arguments.command in ("up", "dev"):
            down(stack, console, arguments)
        # Ctrl-C is how `dev` and `logs` end.
        return 0 if arguments.command in ("dev", "logs") else INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devstack", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    parsers = {
        name: commands.add_parser(name, help=run.__doc__)
        for name, run in COMMANDS.items()
        if name not in OPERATING
    }
    for name in OPERATING:
        # Without options of its own all that follows its name, --help too, is passed on.
        passing = commands.add_parser(
            name, help=COMMANDS[name].__doc__, prefix_chars="+", add_help=False
        )
        passing.add_argument("arguments", nargs=argparse.REMAINDER)
    parsers["ps"].add_argument("--json", action="store_true", help="print the records as JSON")
    parsers["logs"].add_argument("part", nargs="?", help="one part only, such as posts-app")
    parsers["logs"].add_argument("--no-follow", action="store_true", help="print and end")
    return parser
