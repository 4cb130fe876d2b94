"""The command line: parses, speaks to the services, and turns failures into words and exit codes.

0: done. 1: refused, or `lag` found something. 2: a wrong command. 3: a service does not answer.
"""

import argparse
import asyncio
import getpass
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final
from uuid import UUID

import structlog

from common.cli import accounts, audit, events, personal_keys, signing_keys
from common.cli.identity import UsageError, read_identity
from common.cli.lag import UNREACHABLE, show_lag
from common.cli.output import Outcome
from common.cli.services import Clients, open_services
from common.http.client import PeerRefused, PeerUnavailable

USAGE: Final = 2
NEXT: Final = {
    "common.event_behind": "Decide about that one first; `colonnade events show` tells why.",
    "common.event_not_parked": "It took effect meanwhile, or was skipped before.",
    "common.rewind_refused": "`colonnade events bootstrap` rebuilds copies without the log.",
    "common.invalid_token": "The service does not know the key: its environment is of another one.",
}

type Command = Callable[[Clients, argparse.Namespace], Awaitable[Outcome]]


def main() -> int:
    """Run the command of this process and return its exit code."""
    # What the client library logs must not mix with what is printed for programs.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    return execute(sys.argv[1:], os.environ)


def execute(argv: Sequence[str], environment: Mapping[str, str]) -> int:
    """Parse a command, connect to the services that the environment names, and run it."""
    arguments = parser().parse_args(argv)
    try:
        return asyncio.run(_connect_and_run(arguments, environment))
    except UsageError as error:
        return _complain(USAGE, str(error))


async def _connect_and_run(arguments: argparse.Namespace, environment: Mapping[str, str]) -> int:
    async with open_services(read_identity(environment, arguments.speaker)) as clients:
        return await run(clients, arguments)


async def run(clients: Clients, arguments: argparse.Namespace) -> int:
    """Run a parsed command with these clients, print what came of it, return the exit code.

    Raises:
        UsageError: The command names what is not there.
    """
    command: Command = arguments.command
    try:
        outcome = await command(clients, arguments)
    except PeerRefused as refusal:
        said = refusal.problem.get("detail") or str(refusal)
        return _complain(events.REFUSED, f"{refusal.peer}: {said}", NEXT.get(refusal.code))
    except PeerUnavailable as error:
        return _complain(UNREACHABLE, str(error), "Is its app running, and its database?")
    if arguments.json:
        lines = [json.dumps(outcome.document, indent=2, ensure_ascii=False)]
    else:
        lines = list(outcome.lines)
    sys.stdout.write("\n".join(lines) + "\n")
    return outcome.code


def _complain(code: int, *lines: str | None) -> int:
    sys.stderr.write("\n".join(line for line in lines if line) + "\n")
    return code


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = argparse.ArgumentParser(prog="colonnade", description="Operate Colonnade's services.")
    top.add_argument(
        "--as", dest="speaker", metavar="SERVICE", help="whose environment this is (COLONNADE_AS)"
    )
    groups = top.add_subparsers(required=True, metavar="GROUP")
    group = groups.add_parser("events", help="look after the event log and its consumers")
    commands = group.add_subparsers(required=True, metavar="COMMAND")
    _add_lag(commands)
    _add_looking(commands)
    _add_deciding(commands)
    _add_mending(commands)
    group = groups.add_parser("auth", help="look after accounts, tokens, audit and signing keys")
    commands = group.add_subparsers(required=True, metavar="COMMAND")
    for module in (accounts, personal_keys, audit, signing_keys):
        module.add_commands(commands, _add, _add_why)
    return top


type _Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 — its only name.


def _add(commands: _Commands, name: str, run: Command) -> argparse.ArgumentParser:
    added = commands.add_parser(name, help=(run.__doc__ or "").rstrip("."), description=run.__doc__)
    added.add_argument("--json", action="store_true", help="print JSON for programs")
    added.set_defaults(command=run)
    return added


def _add_lag(commands: _Commands) -> None:
    lag = _add(commands, "lag", show_lag)
    lag.add_argument(
        "--max-age",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="how long an event may wait before it is a finding (60)",
    )


def _add_looking(commands: _Commands) -> None:
    parked = _add(commands, "parked", events.show_parked)
    parked.add_argument("--key", help="of this aggregate only")
    parked.add_argument("--skipped", action="store_true", help="those that were skipped instead")
    parked.add_argument("--limit", type=int, default=100, help="most events of a pair (100)")
    show = _add(commands, "show", events.show_event)
    show.add_argument("event", type=UUID, help="its id")
    ghosts = _add(commands, "ghosts", events.show_ghosts)
    for each in (parked, show, ghosts):
        _add_filters(each)


def _add_deciding(commands: _Commands) -> None:
    retry = _add(commands, "retry", events.retry_events)
    retry.add_argument("event", type=UUID, nargs="?", help="its id")
    retry.add_argument("--key", help="the first of this aggregate")
    retry.add_argument("--all", action="store_true", help="the first of every key")
    skip = _add(commands, "skip", events.skip_event)
    skip.add_argument("event", type=UUID, help="its id")
    for each in (retry, skip):
        _add_filters(each)
        _add_why(each, required=each is skip)


def _add_mending(commands: _Commands) -> None:
    back = _add(commands, "rewind", events.rewind)
    again = _add(commands, "bootstrap", events.bootstrap)
    for each in (back, again):
        each.add_argument("consumer", help="the service whose cursor or copies these are")
        each.add_argument("producer", help="the service whose events they follow")
        _add_why(each, required=False)
    back.add_argument(
        "--to", type=int, required=True, metavar="POSITION", help="the last to keep; 0 for none"
    )
    again.add_argument(
        "--wait", type=float, default=30.0, metavar="SECONDS", help="how long to wait for it (30)"
    )


def _add_filters(command: argparse.ArgumentParser) -> None:
    command.add_argument("--consumer", help="of this service only")
    command.add_argument("--producer", help="of events of this service only")


def _add_why(command: argparse.ArgumentParser, *, required: bool) -> None:
    command.add_argument("--reason", required=required, default="", help="why; it is logged")
    command.add_argument("--by", default=_person(), help="who; it is logged (%(default)s)")


def _person() -> str:
    try:
        return getpass.getuser()
    except OSError:
        # A container runs as a number without a name.
        return f"uid {os.getuid()}"


if __name__ == "__main__":
    sys.exit(main())
