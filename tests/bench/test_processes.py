"""A benchmark that is told to end leaves nothing behind."""

import subprocess
import sys

_BENCHMARK = """
import asyncio
from contextlib import contextmanager
from bench.processes import run_benchmark

@contextmanager
def stage():
    print("started", flush=True)
    try:
        yield
    finally:
        print("stopped", flush=True)

async def main():
    with stage():
        await asyncio.sleep(60)

run_benchmark(main())
"""


def test_who_is_told_to_end_stops_the_stage() -> None:
    command = [sys.executable, "-c", _BENCHMARK]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"started\n"
        process.terminate()
        assert process.stdout.read() == b"stopped\n"
    assert process.returncode != 0
