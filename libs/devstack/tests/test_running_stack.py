"""One running stack: its parts come back, and the command line tells of them."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from devstack.control import Stack
from devstack.processes import wait_until

pytestmark = pytest.mark.xdist_group("running-stack")
SERVICES = ("library-app", "library-worker", "museum-app")
ALL = {"mailbox", "traefik", *SERVICES}


def processes(running: Stack) -> dict[str, Any]:
    return {record["name"]: record for record in running.board()["processes"]}


def wait_for_restart(running: Stack, before: dict[str, Any], names: tuple[str, ...]) -> None:
    """Wait until `names` run again, and see that they kept their ports."""

    def all_are_back() -> bool:
        records = processes(running)
        return all(
            records[name]["state"] == "ready" and records[name]["pid"] != before[name]["pid"]
            for name in names
        )

    wait_until(all_are_back, seconds=20, what="they are back")
    for name in names:
        record = processes(running)[name]
        assert record["port"] == before[name]["port"]
        assert record["restarts"] == before[name]["restarts"] + 1


def devstack(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the command line, without a terminal."""
    command = [sys.executable, "-m", "devstack", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_external_servers_win_over_the_embedded_ones(running: Stack, own_postgres: str) -> None:
    assert processes(running).keys() == ALL
    assert running.board()["external"]["postgres"] == own_postgres


def test_parts_that_were_killed_come_back_on_their_ports(running: Stack) -> None:
    before = processes(running)
    killed = ("library-worker", "traefik", "mailbox")
    for name in killed:
        os.kill(before[name]["pid"], signal.SIGKILL)
    wait_for_restart(running, before, killed)
    answer = httpx.get(f"{before['traefik']['url']}/api/v1/library/")
    assert answer.text == "library app"


def test_parts_come_back_when_the_nursery_that_forked_them_was_killed(running: Stack) -> None:
    before = processes(running)
    nursery = psutil.Process(before["library-app"]["pid"]).parent()
    assert nursery is not None
    assert "devstack.nursery" in nursery.cmdline()
    nursery.kill()
    wait_for_restart(running, before, SERVICES)


def test_a_second_up_says_that_it_is_up(running: Stack) -> None:
    before = {name: record["pid"] for name, record in processes(running).items()}
    again = devstack("up")
    assert again.returncode == 0
    assert "up already" in again.stdout
    assert running.board()["gateway_url"] in again.stdout
    assert {name: record["pid"] for name, record in processes(running).items()} == before


def test_ps_lists_every_process_with_memory_and_uptime(running: Stack) -> None:
    lines = devstack("ps").stdout.splitlines()
    assert lines[0] == "Colonnade is up."
    assert {line.split()[0] for line in lines[2:]} == ALL
    assert all(" MiB " in line for line in lines[2:])
    listed = json.loads(devstack("ps", "--json").stdout)
    assert {record["name"]: record["pid"] for record in listed} == {
        name: record["pid"] for name, record in processes(running).items()
    }


def test_logs_show_one_part_or_all_with_their_names(running: Stack) -> None:
    one = devstack("logs", "library-app", "--no-follow").stdout
    assert one.startswith("environment:")
    every = devstack("logs", "--no-follow").stdout
    assert "museum-app" in every
    assert "│ environment:" in every
    unknown = devstack("logs", "nothing", "--no-follow")
    assert unknown.returncode == 2
    assert "library-app" in unknown.stdout


def test_the_state_file_is_whole_and_private(running: Stack) -> None:
    assert oct(running.layout.state.stat().st_mode & 0o777) == "0o600"
    for name, record in processes(running).items():
        assert {"pid", "port", "url", "log", "state", "started_at", "restarts"} <= record.keys()
        assert Path(record["log"]) == running.layout.log(name)
        assert psutil.pid_exists(record["pid"])
