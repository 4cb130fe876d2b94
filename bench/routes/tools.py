"""Loads and other modules that run in processes of their own, beside what they measure."""

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.processes import output_of
from bench.routes import wrk
from bench.routes.load import Job, Measured


async def load(job: Job, folder: Path, cores: frozenset[int]) -> Measured:
    """Run a load, by wrk where it is there and can."""
    found = wrk.find_wrk()
    if found is not None and job.seconds:
        return await wrk.measure(found, job, folder, cores)
    return Measured(**await run_module("bench.routes.load", asdict(job), folder, cores))


async def run_module(
    module: str, job: Mapping[str, Any], folder: Path, cores: frozenset[int]
) -> Any:
    """Run a module, which is given the name of the file with its job; return what it printed."""
    name = module.rpartition(".")[2]
    file, log = folder / f"{name}.json", folder / f"{name}.log"
    await asyncio.to_thread(file.write_text, json.dumps(job), encoding="utf-8")
    return json.loads(await output_of([sys.executable, "-m", module, str(file)], log, cores=cores))
