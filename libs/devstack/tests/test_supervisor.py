"""The supervisor, over small parts: order, restarts, failed starts, nothing left behind."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from devstack.board import read_board
from devstack.keeper import StartFailed
from devstack.layout import Layout
from devstack.parts import Part
from devstack.probes import logged
from devstack.processes import outlasting
from devstack.supervisor import Supervisor

SERVE = "print('started', flush=True); import time; time.sleep(60)"


def part(name: str, program: str = SERVE, *needs: str, **options: Any) -> Part:
    """A part that runs a Python program and is ready when it says that it started."""
    environment = dict(os.environ)
    command = [sys.executable, "-c", program]
    options = {"ready": logged("started"), **options}
    return Part(name, command, environment, Path.cwd(), needs=needs, **options)


def step(name: str, program: str, *needs: str) -> Part:
    return part(name, program, *needs, ready=None, hint="Mend it.")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path, tmp_path)


async def run_until(
    layout: Layout, parts: list[Part], condition: Callable[[dict[str, Any]], bool]
) -> tuple[StartFailed | None, dict[str, Any]]:
    """Run the parts until the board meets `condition`; the outcome, and the board that met it."""
    running = asyncio.create_task(Supervisor(layout, parts, {}, reload=False).run())
    async with asyncio.timeout(20):
        while not running.done() and not condition(read_board(layout)):  # noqa: ASYNC110 - the state is in a file
            await asyncio.sleep(0.02)
    met = read_board(layout)
    os.kill(os.getpid(), signal.SIGTERM) if not running.done() else None
    return await running, met


def is_up(board: dict[str, Any]) -> bool:
    return bool(board["state"] == "up")


def record(board: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        each for each in (*board["processes"], *board["steps"]) if each["name"] == name
    )
    return found


async def test_parts_start_after_what_they_need_and_stop_before_it(layout: Layout) -> None:
    journal = layout.folder / "journal"
    program = (
        "import signal, sys, time; note = lambda word: open({0!r}, 'a').write(word + ' {1}\\n')\n"
        "signal.signal(signal.SIGTERM, lambda *_: (note('stop'), sys.exit(0)))\n"
        "note('start'); print('started', flush=True); time.sleep(60)"
    )
    parts = [
        part("app", program.format(str(journal), "app"), "migration"),
        part("server", program.format(str(journal), "server")),
        step("migration", f"open({str(journal)!r}, 'a').write('migrate\\n')", "server"),
    ]
    failure, board = await run_until(layout, parts, is_up)
    assert failure is None
    assert [each["state"] for each in board["processes"]] == ["ready", "ready"]
    assert [each["state"] for each in board["steps"]] == ["done"]
    expected = ["start server", "migrate", "start app", "stop app", "stop server"]
    assert journal.read_text().splitlines() == expected


async def test_a_part_that_dies_is_started_again(layout: Layout) -> None:
    dying = "print('started', flush=True); import time; time.sleep(0.2); raise SystemExit(3)"
    failure, board = await run_until(
        layout,
        [part("app", dying)],
        lambda board: is_up(board) and record(board, "app")["restarts"] == 2,
    )
    assert failure is None
    assert record(board, "app")["restarts"] == 2


async def test_a_step_that_fails_is_named_and_ends_all(layout: Layout) -> None:
    parts = [
        part("server"),
        step("migration", "raise SystemExit('no such table')", "server"),
        part("app", SERVE, "migration"),
    ]
    failure, _ = await run_until(layout, parts, lambda _: False)
    assert failure is not None
    board = read_board(layout)
    assert board["state"] == "failed"
    reason = "it ended with status 1"
    assert board["failure"] == {"part": "migration", "reason": reason, "hint": "Mend it."}
    assert record(board, "server") | {"state": "stopped", "pid": None} == record(board, "server")
    assert record(board, "app")["started_at"] is None
    assert "no such table" in layout.log("migration").read_text()


async def test_a_part_that_is_never_ready_is_named(layout: Layout) -> None:
    silent = part("app", "import time; time.sleep(60)", start_seconds=0.5)
    failure, _ = await run_until(layout, [silent], lambda _: False)
    assert failure is not None
    assert failure.reason == "it was not ready after 0.5 s"


async def test_a_part_that_was_ready_in_time_is_left_alone(layout: Layout) -> None:
    began = time.monotonic()
    failure, board = await run_until(
        layout, [part("app", start_seconds=0.5)], lambda _: time.monotonic() > began + 1.2
    )
    assert failure is None
    assert (record(board, "app")["state"], record(board, "app")["restarts"]) == ("ready", 0)


async def test_a_part_that_ignores_the_request_is_killed_with_its_children(layout: Layout) -> None:
    stubborn = (
        "import signal, subprocess; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen(['sleep', '60']); print('started', flush=True); child.wait()"
    )
    running = asyncio.create_task(
        Supervisor(layout, [part("app", stubborn, stop_seconds=0.5)], {}, reload=False).run()
    )
    async with asyncio.timeout(10):
        while not is_up(read_board(layout)):  # noqa: ASYNC110 - the state is in a file
            await asyncio.sleep(0.02)
    leader = psutil.Process(record(read_board(layout), "app")["pid"])
    family = [leader, *leader.children()]
    os.kill(os.getpid(), signal.SIGTERM)
    await running
    assert len(family) == 2
    assert outlasting(family, 5) == []


async def test_a_changed_source_restarts_its_parts_alone(layout: Layout) -> None:
    source = layout.folder / "source"
    source.mkdir()
    parts = [part("app", sources=[source]), part("other")]
    running = asyncio.create_task(Supervisor(layout, parts, {}, reload=True).run())

    async def until(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 - the state is in a file
                await asyncio.sleep(0.05)

    await until(lambda: is_up(read_board(layout)))
    before = read_board(layout)
    await asyncio.sleep(0.3)
    (source / "changed.py").write_text("new = True")
    await until(lambda: record(read_board(layout), "app")["restarts"] == 1)
    await until(lambda: record(read_board(layout), "app")["state"] == "ready")
    assert record(read_board(layout), "other")["pid"] == record(before, "other")["pid"]
    os.kill(os.getpid(), signal.SIGTERM)
    await running
