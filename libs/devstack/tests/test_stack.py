"""A whole stack under its guard: what it says of itself, and that it leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import redis

from devstack.control import Stack, StackError, explain, running_stack
from devstack.fixtures import ValkeyDatabase
from devstack.layout import Layout
from devstack.processes import marked, outlasting, wait_until
from devstack.settings import StackSettings

SERVICES = ("library-app", "library-worker", "museum-app")


@pytest.fixture
def external(
    own_postgres: str, valkey_database: ValkeyDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Use servers that run: a stack without its own starts faster."""
    monkeypatch.setenv("DATABASE_URL", own_postgres)
    monkeypatch.setenv("REDIS_URL", valkey_database.url)


def heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def up(stack: Stack) -> dict[str, Any]:
    """Start it; its processes by name."""
    stack.start(StackSettings.read())
    board = stack.watch(lambda _: None)
    assert board["state"] == "up", explain(stack.layout, board)
    return processes(stack)


def processes(stack: Stack) -> dict[str, Any]:
    return {record["name"]: record for record in stack.board()["processes"]}


def family(stack: Stack) -> list[psutil.Process]:
    """Every process of the stack, the guard and grandchildren included."""
    found = marked(stack.layout.marker)
    assert len(found) > 5
    return [*found, psutil.Process(stack.board()["guard"])]


def test_the_embedded_servers_keep_their_data_and_ports_until_a_reset(stack: Stack) -> None:
    first = up(stack)
    assert sorted(first) == sorted(["postgres", "valkey", "mailbox", "traefik", *SERVICES])
    for name, record in first.items():
        assert psutil.pid_exists(record["pid"])
        assert Path(record["log"]).name == f"{name}.log"
    with redis.Redis.from_url(first["valkey"]["url"]) as client:
        assert client.ping()
    answer = httpx.get(f"{first['traefik']['url']}/api/v1/museum/things")
    assert (answer.status_code, answer.text) == (200, "museum app")
    given = stack.layout.log("museum-app").read_text()
    assert "MUSEUM_DATABASE_URL" in given
    assert "LIBRARY_" not in given
    assert "MIGRATION" not in given
    assert oct(stack.layout.state.stat().st_mode & 0o777) == "0o600"

    assert stack.stop()
    assert marked(stack.layout.marker) == []
    again = up(stack)
    assert {n: r["port"] for n, r in again.items()} == {n: r["port"] for n, r in first.items()}
    assert again["postgres"]["url"] == first["postgres"]["url"]


@pytest.mark.parametrize("killed", [["guard"], ["supervisor"]])
def test_nothing_outlives_a_runner_that_was_killed(stack: Stack, killed: list[str]) -> None:
    up(stack)
    all_of_it = family(stack)
    for name in killed:
        os.kill(stack.board()[name], signal.SIGKILL)
    assert outlasting(all_of_it, 20) == []
    assert stack.board()["state"] == "down"


def test_what_outlives_guard_and_supervisor_is_ended_by_the_next_down(stack: Stack) -> None:
    up(stack)
    all_of_it = family(stack)
    board = stack.board()
    for name in ("guard", "supervisor"):
        os.kill(board[name], signal.SIGKILL)
    assert outlasting(all_of_it, 1) != []
    assert stack.stop()
    assert outlasting(all_of_it, 1) == []


@pytest.mark.usefixtures("external")
def test_a_part_that_cannot_start_is_named_with_its_log(layout: Layout) -> None:
    module = layout.root / "services/library/src/library_service/app.py"
    module.write_text("raise SystemExit('the library is closed')")
    with (
        pytest.raises(
            StackError, match=r"library-app: it ended with status 1\nthe library"
        ) as error,
        running_stack(layout, StackSettings.read()),
    ):
        pass
    assert "README" in error.value.hint
    assert marked(layout.marker) == []


def test_a_taken_port_is_named_with_its_owner(
    stack: Stack, taken_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_PORT", str(taken_port))
    with pytest.raises(StackError, match=rf"port {taken_port} is taken by .*pid {os.getpid()}"):
        stack.start(StackSettings.read())


@pytest.mark.usefixtures("external")
def test_dev_restarts_what_changed_and_ends_clean_on_ctrl_c(stack: Stack) -> None:
    root = stack.layout.root
    dev = subprocess.Popen(
        [sys.executable, "-m", "devstack", "dev"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        # As in a terminal: tests that a script runs with `&` would hand down an ignored SIGINT.
        preexec_fn=heed_interrupts,  # noqa: PLW1509 - it calls signal only
    )

    def restarts() -> list[int]:
        ready = [each for each in processes(stack).values() if each["state"] == "ready"]
        return [each["restarts"] for each in ready if each["name"] in SERVICES]

    wait_until(lambda: stack.board()["state"] == "up", seconds=60, what="the stack is up")
    (root / "services/museum/src/museum_service/new.py").touch()
    wait_until(lambda: restarts() == [0, 0, 1], seconds=20, what="the museum restarted")
    (root / "libs/common/src/new.py").touch()
    wait_until(lambda: restarts() == [1, 1, 2], seconds=30, what="all services restarted")
    dev.send_signal(signal.SIGINT)
    output, _ = dev.communicate(timeout=60)
    assert dev.returncode == 0
    assert re.search(r"museum-app +│ environment:", output.decode())
    assert output.endswith(b"Colonnade is down.\n")
    assert marked(stack.layout.marker) == []
