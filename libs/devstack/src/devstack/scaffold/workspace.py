"""A copy of the checkout to work on, and the way of what differs into the checkout: all or nothing.

Whatever interrupts the work on the copy leaves the checkout as it was. What interrupts the moves
themselves, which no Ctrl-C does, is undone by the journal when the next command begins.
"""

import fcntl
import filecmp
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from devstack.scaffold.errors import ScaffoldError

# What the commands read and write; the rest of a checkout stays where it is.
PARTS: Final = (
    *("README.md", "colonnade.toml", "docker-compose.yml", "pyproject.toml", "uv.lock"),
    *("deploy", "docs", "gateway", "libs", "scripts", "services", "tests"),
)
PREFIX: Final = ".scaffold-"
_JOURNAL: Final = "journal.json"
_CACHE: Final = "__pycache__"
_INTERRUPTIONS: Final = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


@dataclass(frozen=True, slots=True)
class Changes:
    """Paths below the checkout, in order."""

    created: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Workspace:
    """`tree` is a copy of the checkout at `root`; `before` receives what it replaces there."""

    root: Path
    folder: Path

    @property
    def tree(self) -> Path:
        return self.folder / "tree"

    @property
    def before(self) -> Path:
        return self.folder / "before"

    def changes(self) -> Changes:
        """Return how the copy differs from the checkout."""
        old, new = _files(self.root), _files(self.tree)
        differing = (
            path
            for path in old & new
            if not filecmp.cmp(self.root / path, self.tree / path, shallow=False)
        )
        return Changes(
            created=tuple(sorted(new - old)),
            changed=tuple(sorted(differing)),
            removed=tuple(sorted(old - new)),
        )

    def apply(self) -> Changes:
        """Move what differs into the checkout; an error in the middle is undone before it shows."""
        changes = self.changes()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTIONS)
        try:
            self._note(changes)
            self._move(changes)
            (self.folder / _JOURNAL).unlink()
        except BaseException:
            undo(self.root, self.folder)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return changes

    def _note(self, changes: Changes) -> None:
        noted = {"created": changes.created, "replaced": [*changes.changed, *changes.removed]}
        with (self.folder / _JOURNAL).open("w", encoding="utf-8") as journal:
            json.dump(noted, journal)
            journal.flush()
            os.fsync(journal.fileno())

    def _move(self, changes: Changes) -> None:
        for path in (*changes.changed, *changes.removed):
            move(self.root / path, self.before / path)
        for path in (*changes.created, *changes.changed):
            move(self.tree / path, self.root / path)
        _prune(self.root, changes.removed)


@contextmanager
def open_workspace(root: Path) -> Iterator[Workspace]:
    """Copy the checkout at `root`; the copy is gone at the end.

    Raises:
        ScaffoldError: Another command is at work in this checkout.
    """
    with _alone(root):
        recover(root)
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=root))
        try:
            workspace = Workspace(root, folder)
            _copy(root, workspace.tree)
            yield workspace
        finally:
            shutil.rmtree(folder)


def recover(root: Path) -> None:
    """Undo what a command that was killed has left in the checkout."""
    for folder in root.glob(f"{PREFIX}*/"):
        undo(root, folder)
        shutil.rmtree(folder)


def undo(root: Path, folder: Path) -> None:
    """Bring the checkout back to what it was before the moves that the journal tells of."""
    journal = folder / _JOURNAL
    if not journal.exists():
        return
    try:
        noted = json.loads(journal.read_text(encoding="utf-8"))
    except ValueError:
        return  # It was being written: nothing had been moved.
    for path in noted["created"]:
        (root / path).unlink(missing_ok=True)
    _prune(root, noted["created"])
    for path in noted["replaced"]:
        if (folder / "before" / path).exists():
            move(folder / "before" / path, root / path)


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    descriptor = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise ScaffoldError("another command adds or removes a service in this checkout") from error
    finally:
        os.close(descriptor)


def _copy(root: Path, tree: Path) -> None:
    # With the caches: compiling everything anew takes ten times as long as what is generated.
    tree.mkdir()
    for part in PARTS:
        source = root / part
        if source.is_dir():
            shutil.copytree(source, tree / part)
        elif source.exists():
            shutil.copy2(source, tree / part)


def _files(root: Path) -> set[str]:
    found = (path for part in PARTS for path in (root / part, *(root / part).rglob("*")))
    return {
        str(path.relative_to(root)) for path in found if path.is_file() and _CACHE not in path.parts
    }


def move(source: Path, target: Path) -> None:
    """Put a file where another one may be."""
    target.parent.mkdir(parents=True, exist_ok=True)
    source.replace(target)


def _prune(root: Path, removed: tuple[str, ...] | list[str]) -> None:
    """Remove the folders in which nothing is left but caches."""
    folders = {parent for path in removed for parent in Path(path).parents if parent != Path()}
    for folder in sorted(folders, key=lambda each: len(each.parts), reverse=True):
        where = root / folder
        if where.is_dir() and all(each.name == _CACHE for each in where.iterdir()):
            shutil.rmtree(where)
