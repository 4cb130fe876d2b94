"""The commands behind `make service`, `make aggregate` and `make service-remove`."""

import argparse
import json
import shutil
import signal
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Never

from devstack.catalog import CatalogError, find_root, load_catalog
from devstack.scaffold import contracts, services
from devstack.scaffold.aggregates import add_aggregate, check_aggregate, check_platform_names
from devstack.scaffold.errors import ScaffoldError
from devstack.scaffold.names import Aggregate, check_service_name, name_aggregate
from devstack.scaffold.rendering import Templates, finish
from devstack.scaffold.workspace import Changes, open_workspace

INTERRUPTED = 130
_REMOVED = ".devstack/removed"


def make_service(root: Path, arguments: argparse.Namespace) -> Changes:
    """Add a service with one slice; everything is refused before anything is written."""
    name = arguments.name
    check_service_name(name, root, load_catalog(root))
    aggregate = name_aggregate(name, arguments.aggregate or f"{name}_item", arguments.plural)
    check_platform_names(root, aggregate)
    templates = Templates(root)
    with open_workspace(root) as workspace:
        services.add(workspace.tree, templates, name, owns=aggregate.spellings()["many_words"])
        add_aggregate(workspace.tree, templates, aggregate)
        finish(workspace)
        changes = workspace.apply()
    _tell(arguments, changes, _made(aggregate, changes))
    return changes


def make_aggregate(root: Path, arguments: argparse.Namespace) -> Changes:
    """Add a slice to a service that `make_service` made."""
    if arguments.service not in [service.name for service in load_catalog(root)]:
        raise ScaffoldError(f"there is no service {arguments.service!r}")
    aggregate = name_aggregate(arguments.service, arguments.name, arguments.plural)
    check_aggregate(root, aggregate)
    check_platform_names(root, aggregate)
    with open_workspace(root) as workspace:
        add_aggregate(workspace.tree, Templates(root), aggregate)
        finish(workspace)
        changes = workspace.apply()
    _tell(arguments, changes, _extended(aggregate, changes))
    return changes


def remove_service(root: Path, arguments: argparse.Namespace) -> Changes:
    """Remove a service; what it consisted of is kept where git does not look."""
    name = arguments.name
    services.check_removal(root, name)
    with open_workspace(root) as workspace:
        services.remove(workspace.tree, name)
        finish(workspace)
        changes = workspace.apply()
        kept = root / _REMOVED / f"{name}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(workspace.before / "services" / name, kept)
    _tell(arguments, changes, _gone(name, changes, kept.relative_to(root)))
    return changes


def _made(aggregate: Aggregate, changes: Changes) -> str:
    name = aggregate.service
    return f"""\
{name} is a service now: {len(changes.created)} new files, {len(changes.changed)} changed ones.
  Code      services/{name}, its events in {contracts.CONTRACTS}/{name}.py
  HTTP      /api/v1/{name}/{aggregate.path}
  Emits     {name}.{aggregate.one}_changed.v1, {name}.{aggregate.one}_deleted.v1
  Consumes  auth.account_registered.v1, auth.username_changed.v1
Next:
  make check && make test ARGS=services/{name}
  make down up                                   its own database schema comes with it
  make aggregate SERVICE={name} NAME=…           a further slice
  make service-remove NAME={name}                takes all of it back"""


def _extended(aggregate: Aggregate, changes: Changes) -> str:
    name = aggregate.service
    return f"""\
{name} has {aggregate.spellings()["many_words"]} now: \
{len(changes.created)} new files, {len(changes.changed)} changed ones.
  HTTP      /api/v1/{name}/{aggregate.path}
  Emits     {name}.{aggregate.one}_changed.v1, {name}.{aggregate.one}_deleted.v1
Next:
  make check && make test ARGS=services/{name}
  services/{name}/src/{name}_service/*/{aggregate.many}.py   say there what it really is"""


def _gone(name: str, changes: Changes, kept: Path) -> str:
    return f"""\
{name} is gone: {len(changes.removed)} files, and its lines in {len(changes.changed)} others.
  What it consisted of is in {kept}, which git ignores and `make reset` deletes.
  A database that had it keeps its schema until `make reset`."""


def _tell(arguments: argparse.Namespace, changes: Changes, words: str) -> None:
    print(json.dumps(asdict(changes), indent=2) if arguments.json else words)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devstack.scaffold", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    service = commands.add_parser("service", help="add a service with one slice")
    service.add_argument("--aggregate", help="what the slice is about, in the singular")
    aggregate = commands.add_parser("aggregate", help="add a slice to a service")
    aggregate.add_argument("--service", required=True, help="the service that gets it")
    remove = commands.add_parser("remove", help="remove a service")
    for command, run in (
        (service, make_service),
        (aggregate, make_aggregate),
        (remove, remove_service),
    ):
        command.add_argument("name", help="in lower case, like billing")
        command.add_argument("--json", action="store_true", help="print the files as JSON")
        command.set_defaults(run=run)
    for command in (service, aggregate):
        command.add_argument("--plural", help="if it is not a usual one")
    return parser


def _interrupt(_number: int, _frame: FrameType | None) -> Never:
    raise KeyboardInterrupt


def main() -> int:
    """Run a command; return the exit status."""
    arguments = _parser().parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    try:
        arguments.run(find_root(), arguments)
    except (CatalogError, ScaffoldError) as error:
        sys.stderr.write(f"✗ {error}\n")
        if hint := getattr(error, "hint", ""):
            sys.stderr.write(f"  Hint: {hint}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
