"""How long a start takes: the whole stack by `make up`, and the import of each service."""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.machine import ROOT, Cores
from bench.processes import output_of
from devstack.catalog import load_catalog
from devstack.processes import free_port


async def stack_seconds(cores: Cores, rounds: int, say: Callable[[str, str], None]) -> list[float]:
    """Return how long `make up` took with the data of a start before, on all cores.

    What `make` itself does before is to compare one file; it is not part of it.
    """
    taken = []
    with tempfile.TemporaryDirectory(prefix="colonnade-bench-") as folder:
        ports = {"GATEWAY_PORT": str(free_port()), "MAILBOX_PORT": str(free_port())}
        environment = {**_environment(), **ports, "COLONNADE_STATE": f"{folder}/stack"}
        command = [sys.executable, "-m", "devstack"]
        log = Path(folder) / "devstack.log"

        async def run(word: str) -> float:
            began = time.monotonic()
            await output_of(
                [*command, word], log, environment=environment, folder=ROOT, cores=cores.all
            )
            return time.monotonic() - began

        try:
            # The first start makes the data.
            for number in range(rounds + 1):
                seconds = await run("up")
                await run("down")
                say("make up", f"{seconds:.1f} s{'' if number else ', with its data to be made'}")
                taken += [seconds] if number else []
        finally:
            await run("down")
    return taken


async def import_seconds(
    cores: Cores, rounds: int, say: Callable[[str, str], None]
) -> dict[str, list[float]]:
    """Return how long a new interpreter takes to import the app of each service.

    It ends at once then: to take all the modules down again takes a third as long, and no start
    waits for that.
    """
    taken: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="colonnade-bench-") as folder:
        log = Path(folder) / "import.log"
        for service in load_catalog(ROOT):
            command = [sys.executable, "-c", f"import os, {service.package}.app; os._exit(0)"]
            seconds = []
            # The first time writes bytecode.
            for _ in range(rounds + 1):
                began = time.monotonic()
                await output_of(
                    command, log, environment=_environment(), folder=ROOT, cores=cores.all
                )
                seconds.append(time.monotonic() - began)
            taken[service.name] = seconds[1:]
            say(f"import {service.package}.app", f"{min(seconds):.2f} s")
    return taken


def _environment() -> dict[str, str]:
    # Bytecode is worth writing: a start without it takes three times as long.
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
