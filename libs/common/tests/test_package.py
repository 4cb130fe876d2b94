"""common as services of another repository have it: a wheel, and nothing of this checkout."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parents[1]
ROOT = LIBRARY.parents[1]
# A service elsewhere: events, settings and an app of its own, with what the wheel brings.
SERVICE = """
import pathlib
import sys
from typing import ClassVar
from uuid import UUID

import common
from common.contracts import AccountRegistered, Event
from common.http.app import build_app
from common.settings import ServiceSettings
from common.streams import consumer_loops
from common.worker import run_worker


class ParcelSent(Event):
    wire_name: ClassVar = "parcels.parcel_sent.v1"

    parcel_id: UUID


assert pathlib.Path(next(iter(common.__path__))).is_relative_to(sys.argv[1]), common.__path__
assert (pathlib.Path(sys.argv[1]) / "common/py.typed").exists()
assert (pathlib.Path(sys.argv[1]) / "common/http/static/docs.html").exists()
assert not [name for name in sys.modules if name.startswith(("devstack", "auth_service"))]
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    uv = shutil.which("uv", path=f"{ROOT}/.tools/uv/bin:{os.environ['PATH']}")
    if uv is None:
        pytest.skip("there is no uv: `make bootstrap` installs it")
    folder = tmp_path_factory.mktemp("wheel")
    command = [uv, "build", "--wheel", "--offline", "--quiet", "--out-dir", str(folder)]
    done = subprocess.run([*command, str(LIBRARY)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


def test_a_service_elsewhere_is_built_on_the_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    script = tmp_path / "service.py"
    script.write_text(SERVICE)
    environment = os.environ | {"PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, script, installed],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_wheel_needs_only_what_the_index_has(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [each for each in archive.namelist() if each.endswith("METADATA")]
        metadata = archive.read(name).decode()
    needed = [line for line in metadata.splitlines() if line.startswith("Requires-Dist")]
    assert needed
    assert not [line for line in needed if "colonnade" in line or "file:" in line]
