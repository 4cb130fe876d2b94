"""Files made from templates, and what is generated from the code of a tree afterwards."""

import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import uuid4

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from devstack.scaffold.errors import ScaffoldError
from devstack.scaffold.workspace import Workspace

TEMPLATES: Final = "templates"
_SUFFIX: Final = ".jinja"
# Two underscores around one of these stand for its value in the path of a template.
_IN_PATHS: Final = ("package", "many", "stamp")
# What the length of names decides: the order of imports. All else is for `make check`.
_SORTING: Final = ("check", "--select", "I,RUF022", "--fix", "--exit-zero", "--quiet")
_REFUSAL_LINES: Final = 15


class Templates:
    """The templates of a checkout: whole folders, and parts of files."""

    def __init__(self, root: Path) -> None:
        self._folder = root / TEMPLATES
        self._environment = Environment(
            loader=FileSystemLoader(self._folder),
            undefined=StrictUndefined,
            keep_trailing_newline=True,
            autoescape=False,  # noqa: S701 - Python and Markdown are made here, no HTML.
        )

    def part(self, name: str, values: Mapping[str, str]) -> str:
        """Return what is added to a file."""
        return self._render(f"parts/{name}{_SUFFIX}", values)

    def write_folder(self, folder: str, target: Path, values: Mapping[str, str]) -> None:
        """Write the files of a folder below `target`."""
        for template in sorted((self._folder / folder).rglob(f"*{_SUFFIX}")):
            path = str(template.relative_to(self._folder / folder)).removesuffix(_SUFFIX)
            for name in _IN_PATHS:
                path = path.replace(f"__{name}__", values.get(name, ""))
            text = self._render(str(template.relative_to(self._folder)), values)
            write(target / path, text)

    def _render(self, template: str, values: Mapping[str, str]) -> str:
        return self._environment.get_template(template).render(values)


def migration() -> dict[str, str]:
    """Return when a new migration is written, and its id."""
    return {"stamp": f"{datetime.now(UTC):%Y%m%d_%H%M}", "revision": uuid4().hex[:12]}


def write(path: Path, text: str) -> None:
    """Write a file, whose folder need not be there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def finish(workspace: Workspace) -> None:
    """Format what is new in the tree, and write what follows from its code and its catalog.

    Raises:
        ScaffoldError: A generator refuses the tree.
    """
    changes = workspace.changes()
    python = [path for path in (*changes.created, *changes.changed) if path.endswith(".py")]
    if python:
        ruff = str(Path(sys.executable).with_name("ruff"))
        _run(workspace, ruff, *_SORTING, *python)
        _run(workspace, ruff, "format", "--quiet", *python)
    _run(workspace, sys.executable, "-m", "devstack.gateway", "render")
    _run(workspace, sys.executable, "scripts/documents.py")


def _run(workspace: Workspace, *command: str) -> None:
    tree = workspace.tree
    sources = [*sorted(tree.glob("libs/*/src")), *sorted(tree.glob("services/*/src"))]
    environment = os.environ | {
        "COLONNADE_ROOT": str(tree),
        "PYTHONPATH": os.pathsep.join(map(str, sources)),
    }
    done = subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stdout + done.stderr).replace(f"{tree}/", "").strip().splitlines()
        shown = "\n".join(said[-_REFUSAL_LINES:])
        raise ScaffoldError(f"{' '.join(command[1:3])} refuses what would be:\n{shown}")
