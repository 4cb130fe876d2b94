"""Checkouts to work on: the parts of this one, in folders of their own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from devstack.catalog import find_root
from devstack.scaffold.rendering import TEMPLATES
from devstack.scaffold.workspace import PARTS

ROOT = find_root(Path(__file__).parent)


class Checkout:
    """A copy of what the commands read and write."""

    def __init__(self, origin: Path, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True)
        for part in (*PARTS, TEMPLATES):
            if (origin / part).is_dir():
                shutil.copytree(origin / part, root / part)
            else:
                shutil.copy2(origin / part, root / part)

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"COLONNADE_ROOT": str(self.root)}

    @staticmethod
    def command(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "devstack.scaffold", *arguments]

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run a command; return its exit status and what it said."""
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def change(self, *arguments: str) -> dict[str, list[str]]:
        """Run a command that must succeed; return the files that it tells."""
        status, said = self.run(*arguments, "--json")
        assert status == 0, said
        told: dict[str, list[str]] = json.loads(said)
        return told

    def files(self) -> dict[str, bytes]:
        """Every file that git would see."""
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file() and not {"__pycache__", ".devstack"} & set(path.parts)
        }

    def text(self, path: str) -> str:
        return (self.root / path).read_text()
