"""Where a stack keeps its files: everything of one stack is below one folder, `.devstack`."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devstack.catalog import find_root


@dataclass(frozen=True, slots=True)
class Layout:
    """A checkout and the folder of a stack that runs it; the folder is the stack's identity."""

    root: Path
    folder: Path

    @classmethod
    def current(cls) -> "Layout":
        """This checkout's, or the folder that `COLONNADE_STATE` names."""
        root = find_root()
        return cls(root, Path(os.environ.get("COLONNADE_STATE") or root / ".devstack").resolve())

    @property
    def marker(self) -> str:
        """What every process of this stack carries in its environment."""
        return str(self.folder)

    @property
    def state(self) -> Path:
        return self.folder / "state.json"

    @property
    def ports(self) -> Path:
        return self.folder / "ports.json"

    @property
    def secrets(self) -> Path:
        return self.folder / "secrets.json"

    @property
    def lock(self) -> Path:
        """Held by the guard as long as the stack lives."""
        return self.folder / "guard.lock"

    def log(self, part: str) -> Path:
        return self.folder / "logs" / f"{part}.log"

    def data(self, part: str) -> Path:
        return self.folder / "data" / part


def read_json(path: Path) -> dict[str, Any]:
    """The object in `path`; empty when there is none yet."""
    if not path.exists():
        return {}
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Replace `path` atomically, readable by its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as output:
        json.dump(document, output, indent=2)
        output.write("\n")
    draft.replace(path)
