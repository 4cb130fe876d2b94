"""The load by wrk, where Debian's package of it is installed: it takes less of its core."""

import json
import shutil
from pathlib import Path
from typing import Final

from bench.processes import output_of
from bench.routes.load import NUMBERED, Job, Measured, UnexpectedAnswer

# The numbers of a run begin after those that the warm-up may have used.
_WARM_UP_NUMBERS: Final = 10_000_000
_PATIENCE_SECONDS: Final = 30
_SCRIPT: Final = """
local requests = {
%s
}
local sent = %d

request = function()
  sent = sent + 1
  local text = requests[(sent - 1) %% #requests + 1]
  return (text:gsub("%s", string.format("%%0%dd", sent)))
end

done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\\n{"answered": %%d, "seconds": %%f, "p50": %%f, "p99": %%f, "failed": %%d}\\n',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""


def find_wrk() -> str | None:
    """Return where wrk is."""
    return shutil.which("wrk")


async def measure(wrk: str, job: Job, folder: Path, cores: frozenset[int]) -> Measured:
    """Run a job that has a length of time. wrk tells of statuses whether they are errors only.

    Raises:
        UnexpectedAnswer: Some were, or were none at all.
    """
    script, log = folder / "load.lua", folder / "wrk.log"
    answered = failed = 0
    # The first run is the warm-up, of which wrk knows nothing.
    for turn, length in enumerate((job.warm_up_seconds, job.seconds)):
        script.write_text(script_of(job, turn * _WARM_UP_NUMBERS), encoding="ascii")
        seconds = max(1, round(length))
        command = [wrk, "-t1", f"-c{job.connections}", f"-d{seconds}s", "-s", str(script)]
        # An answer that is late is a latency; after two seconds it would be an error.
        command += ["--timeout", f"{_PATIENCE_SECONDS}s"]
        printed = await output_of([*command, f"http://127.0.0.1:{job.port}"], log, cores=cores)
        found = json.loads(printed.splitlines()[-1])
        if (found["failed"] and not job.may_fail) or not found["answered"]:
            raise UnexpectedAnswer(printed.decode())
        right = found["answered"] - found["failed"]
        answered += right
        failed += found["failed"]
    rate = right / found["seconds"]
    return Measured(rate, found["p50"], found["p99"], answered, failed)


def script_of(job: Job, first: int) -> str:
    """Return the Lua that sends the requests of a job in turns, numbered from `first`."""
    lines = ",\n".join(f'"{_escaped(request)}"' for request in job.requests)
    return _SCRIPT % (lines, first, NUMBERED, len(NUMBERED))


def _escaped(text: str) -> str:
    return "".join(f"\\{byte:03}" for byte in text.encode("latin-1"))
