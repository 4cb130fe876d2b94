"""`make bench-overload`: one app on one core under an open loop of several times what it can do.

Normal is 0.7 of the capacity, overload 3 times that. What is compared comes from the same round,
so that a slower minute of the machine says nothing.
"""

import argparse
import gc
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvloop

from bench.machine import Cores, Foreign, kept_to, raised_priority, split_cores
from bench.overload.cost import cost_microseconds
from bench.overload.load import Load, Measured
from bench.overload.report import CASES, CLOSED, LOADS, Case, Round, Rounds, render, targets
from bench.processes import spawn, stop
from devstack.processes import free_port, is_free

WARM_UP_SECONDS = 1.0
# How many cores others may use during a measurement; more spoils the figures.
FOREIGN_LIMIT, ATTEMPTS = 0.1, 3


def main() -> int:
    """Measure every case in each round and print the tables; return 1 if a target is missed."""
    arguments = _arguments()
    cores = split_cores()
    rounds: Rounds = {case: [] for case in CASES}
    costs: list[float] = []
    gc.disable()
    with raised_priority() as priority, kept_to(cores.others):
        _say(priority)
        for _ in range(arguments.rounds):
            costs.append(cost_microseconds())
            for case, found in rounds.items():
                settings = [*case.settings, *arguments.settings]
                found.append(_measure(case, settings, cores, arguments.seconds))
    judged = targets(rounds, costs)
    print(render(judged, rounds))
    return int(not all(target.met for target in judged))


def _measure(case: Case, settings: Sequence[str], cores: Cores, seconds: float) -> Round:
    found: dict[float, Measured] = {}
    with _served(settings, cores) as port:
        uvloop.run(Load(wait=case.wait, seconds=WARM_UP_SECONDS).run(port, 0))
        for share in (CLOSED, *LOADS):
            rate = share * found[CLOSED].goodput if share else 0.0
            for _ in range(ATTEMPTS):
                before = Foreign.now()
                found[share] = uvloop.run(Load(wait=case.wait, seconds=seconds).run(port, rate))
                foreign = Foreign.now().since(before)
                load = f"{share:g} x" if share else "closed loop"
                _say(f"{case.name}, {load}: {found[share]}, others took {foreign:.2f} cores")
                if foreign <= FOREIGN_LIMIT:
                    break
    return found


@contextmanager
def _served(settings: Sequence[str], cores: Cores) -> Iterator[int]:
    """Run the app in a process of its own while the block lasts."""
    port = free_port()
    command = [sys.executable, "-m", "bench.overload.app", str(port), *settings]
    with tempfile.TemporaryDirectory(prefix="colonnade-bench-") as folder:
        process = spawn(command, Path(folder) / "app.log", cores=cores.measured)
        try:
            while is_free(port):
                time.sleep(0.05)
            yield port
        finally:
            stop(process)


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-overload", description=__doc__)
    parser.add_argument("settings", nargs="*", metavar="SETTING=VALUE", help="of the app")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5, help="of each load")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
