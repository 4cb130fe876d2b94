"""The processes of a benchmark: each ends with it, and keeps to the cores that it was given."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from pathlib import Path
from signal import SIGTERM, Signals
from typing import Any

from devstack.processes import die_with_parent


def run_benchmark(benchmark: Coroutine[Any, Any, None]) -> None:
    """Run a benchmark; one that is told to end stops what it started, as after Ctrl-C."""

    async def run() -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 — this is one.
        asyncio.get_running_loop().add_signal_handler(SIGTERM, task.cancel)
        await benchmark

    try:
        asyncio.run(run())
    except asyncio.CancelledError:
        sys.exit("The benchmark was told to end.")


def spawn(
    command: Sequence[str],
    log: Path,
    *,
    ends_by: Signals = SIGTERM,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    cores: Collection[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a process that ends with this thread; `cores` are all of this one's unless given."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            cwd=folder,
            preexec_fn=_prepared(ends_by, cores),  # noqa: PLW1509 — it makes two system calls.
        )


async def output_of(
    command: Sequence[str],
    log: Path,
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    cores: Collection[int] = (),
) -> bytes:
    """Run a command to its end and return what it printed.

    Raises:
        OSError: It failed; what it has to say about that is in the log.
    """
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            cwd=folder,
            preexec_fn=_prepared(SIGTERM, cores),
        )
    output, _ = await process.communicate()
    if process.returncode != 0:
        raise OSError(f"{' '.join(command)} ended with {process.returncode}: {tail(log)}")
    return output


def stop(process: subprocess.Popen[bytes], signal: Signals = SIGTERM) -> None:
    """Ask a process to end; kill it when it does not within 15 seconds."""
    process.send_signal(signal)
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def tail(log: Path) -> str:
    """Return the end of a log."""
    return log.read_text(encoding="utf-8", errors="replace")[-5000:] if log.exists() else ""


def _prepared(ends_by: Signals, cores: Collection[int]) -> Callable[[], None]:
    dying = die_with_parent(ends_by)

    def prepare() -> None:
        dying()
        if cores:
            # Before the program begins: its threads inherit what its first one has.
            os.sched_setaffinity(0, cores)

    return prepare
