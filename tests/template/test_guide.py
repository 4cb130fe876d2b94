"""The guide to a first service works as it is pasted, and the template with it.

It makes a service and a slice, checks and tests them, takes the platform's tour beside them, and
removes them. The checkout is a copy, which has this environment's packages.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.catalog import find_root
from devstack.processes import free_port, marked

ROOT = find_root(Path(__file__).parent)
GUIDE = "docs/guides/your-first-service.md"
# It starts a stack, checks everything, and takes turns with the other tests that do.
pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e"), pytest.mark.timeout(600)]


class Checkout:
    """A clone of this checkout, with what is not committed yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {"8080": str(free_port()), "8025": str(free_port())}
        self.git("init", "--quiet")
        for name in _git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").split():
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        # The packages are there, and are those of this run; what mypy knows saves a minute.
        bootstrap = folder / "scripts/bootstrap"
        bootstrap.write_text(f"#!/bin/sh\nexit 0\n{bootstrap.read_text()}")
        for name in (".venv", ".tools"):
            (folder / name).symlink_to(ROOT / name)
        (folder / ".git/info/exclude").write_text(".venv\n.tools\n")
        if (ROOT / ".mypy_cache").exists():
            shutil.copytree(ROOT / ".mypy_cache", folder / ".mypy_cache")
        self.git("add", "--all")
        self.git("-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "--message=t")

    def git(self, *arguments: str) -> str:
        return _git(self.folder, *arguments)

    @property
    def environment(self) -> dict[str, str]:
        """Sources of this checkout before those that are installed, be they there yet or not."""
        names = [path.name for path in (ROOT / "services").iterdir()] + ["library"]
        sources = ["libs/common", "libs/devstack", *(f"services/{name}" for name in names)]
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("COLONNADE_", "PYTEST_"))}
        return kept | {
            "PYTHONPATH": os.pathsep.join(str(self.folder / name / "src") for name in sources),
            "GATEWAY_PORT": self.ports["8080"],
            "MAILBOX_PORT": self.ports["8025"],
        }

    def paste(self, script: str) -> str:
        """Run lines in a shell that stops where one of them fails; return what they print."""
        for port, own in self.ports.items():
            script = script.replace(f"localhost:{port}", f"localhost:{own}")
        done = subprocess.run(
            ["bash", "-c", f"set -eo pipefail\n{script}"],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    made = Checkout(tmp_path)
    yield made
    made.paste("make down")
    assert marked(str(tmp_path / ".devstack")) == []


def test_the_guide_to_a_first_service_works_when_pasted(checkout: Checkout) -> None:
    guide = (ROOT / GUIDE).read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    printed = checkout.paste("\n".join(blocks))

    assert "library is a service now" in printed
    assert "Colonnade is up after" in printed
    assert "All 12 steps passed" in printed
    assert '"title":"The Mill on the Floss"' in printed
    assert '"code":"library.too_many_loans"' in printed
    assert "library is gone" in printed
    assert checkout.git("status", "--porcelain") == ""
    # What git ignores is caches, and what the removed service consisted of.
    (kept,) = (checkout.folder / ".devstack/removed").iterdir()
    assert (kept / "src/library_service/usecases/loans.py").exists()
    assert not (checkout.folder / "services/library").exists()


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout
