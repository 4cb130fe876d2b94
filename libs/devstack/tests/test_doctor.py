"""The doctor: finds what would keep a stack from starting, and says how to mend it."""

import subprocess
from collections.abc import Iterator

import psutil
import pytest

from devstack.control import Stack
from devstack.doctor import examine
from devstack.layout import Layout
from devstack.processes import MARKER, outlasting
from devstack.settings import StackSettings


@pytest.fixture(autouse=True)
def checkout_is_installed(layout: Layout) -> None:
    (layout.root / ".python-version").write_text("3.13\n")
    uv = layout.root / ".tools" / "uv" / "bin" / "uv"
    uv.parent.mkdir(parents=True)
    uv.touch()


@pytest.fixture
def left_over(layout: Layout) -> Iterator[psutil.Process]:
    """A process of the stack whose supervisor is gone."""
    with subprocess.Popen(["sleep", "60"], env={MARKER: layout.marker}) as process:
        yield psutil.Process(process.pid)
        process.kill()


def test_a_machine_that_has_everything_is_found_good(stack: Stack) -> None:
    bad = [each for each in examine(stack, StackSettings.read()) if not each.good]
    assert [each.subject for each in bad if each.subject not in ("disk", "memory")] == []


def test_a_taken_port_is_found_with_its_owner(stack: Stack, taken_port: int) -> None:
    settings = StackSettings(taken_port, StackSettings.read().mailbox_port)
    [port] = [each for each in examine(stack, settings) if not each.good]
    assert port.subject == f"port {taken_port}"
    assert "(pid " in port.found
    assert port.mend.endswith(f"GATEWAY_PORT={taken_port + 1} make up")


def test_left_over_processes_are_found_and_ended(stack: Stack, left_over: psutil.Process) -> None:
    [found] = [each for each in examine(stack, StackSettings.read()) if each.subject == "processes"]
    assert not found.good
    assert f"(pid {left_over.pid})" in found.found
    assert found.mend == "make down"
    assert stack.stop()
    assert outlasting([left_over], 1) == []
