"""`make bench-auth`: logins beside bare hashing, a storm of them, who has an account by time."""

import argparse
import os
import sys
import time
from pathlib import Path
from signal import SIGUSR1
from typing import Final

from bench.auth import report, verification
from bench.auth.measures import ASKED, Meter
from bench.auth.report import Results
from bench.auth.stage import open_stage
from bench.machine import Cores, all_alike, kept_to, split_cores
from bench.processes import run_benchmark
from bench.report import render, rows

LOGINS: Final = "logins"
STORM: Final = "storm"
VERIFICATION: Final = "verification"
RANKS: Final = "ranks"
NAMES: Final = (LOGINS, STORM, VERIFICATION, RANKS)
DEFAULTS: Final = {"rounds": 3, "seconds": 6.0, "addresses": 500}
# A look at everything in a minute: too short for more than that.
QUICK: Final = {"rounds": 1, "seconds": 2.0, "addresses": 100}
BEGAN: Final = time.monotonic()


async def measure(options: argparse.Namespace, cores: Cores) -> Results:
    """Measure what was asked for."""
    results = Results(settings=_settings())
    if VERIFICATION in options.only:
        with kept_to(cores.measured):
            results.verification = [
                verification.remembered_microseconds() for _ in range(options.rounds)
            ]
    if {*options.only} == {VERIFICATION}:
        return results
    with kept_to(cores.others):
        say("stage", "starts")
        async with open_stage(cores, options.addresses) as stage:
            meter = Meter(stage, say)
            if RANKS in options.only:
                # First: what logins leave behind is no part of it.
                results.ranks = {route: await meter.ranks(route) for route in ASKED}
            if {LOGINS, STORM} & {*options.only}:
                await _measure_rounds(meter, results, options)
    return results


async def profile(options: argparse.Namespace, cores: Cores) -> None:
    """Write where the time of logins goes."""
    with kept_to(cores.others):
        async with open_stage(cores, options.addresses, options.profile) as stage:
            meter = Meter(stage, say)
            await meter.enter()
            os.kill(stage.auth.pid, SIGUSR1)
            await meter.logins(options.seconds)


async def _measure_rounds(meter: Meter, results: Results, options: argparse.Namespace) -> None:
    await meter.enter()
    for _ in range(options.rounds):
        logins = await meter.logins(options.seconds)
        results.logins.append(logins)
        if STORM in options.only:
            # For longer, so that memory has the time to grow.
            results.storms.append(await meter.storm(logins.rate, 2 * options.seconds))


def _settings() -> str:
    # Not all of AUTH_: there are secrets among them.
    told = ("AUTH_ARGON2_", "AUTH_PASSWORD_", "AUTH_CONCURRENCY_")
    chosen = (f"{name}={value}" for name, value in os.environ.items() if name.startswith(told))
    own = "those of `make up`, by which one address may try as often as it likes"
    return ", ".join((own, *sorted(chosen)))


def say(what: str, told: str) -> None:
    """Tell how far the run is, and after how many seconds."""
    elapsed = time.monotonic() - BEGAN
    print(f"{elapsed:5.0f} s  {what:<24} {told}", file=sys.stderr, flush=True)


async def main(options: argparse.Namespace) -> None:
    """Run, print the table, and write the documents if nothing was left out."""
    with all_alike() as priority:
        if options.profile:
            await profile(options, split_cores())
            return
        results = await measure(options, split_cores())
    results.priority = priority
    results.seconds = time.monotonic() - BEGAN
    print(rows(results) if options.json else render(results))
    if options.complete:
        report.write(results, options.command)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-auth", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, help=f"turns of logins and storms ({DEFAULTS['rounds']})")
    add("--seconds", type=float, help=f"length of a turn ({DEFAULTS['seconds']:g})")
    add("--addresses", type=int, help=f"of each kind ({DEFAULTS['addresses']})")
    add("--only", action="append", choices=NAMES, help="measure this alone; repeatable")
    add("--quick", action="store_true", help="a short look at everything; writes no document")
    add("--profile", type=Path, metavar="FILE", help="write where the time of logins goes instead")
    add("--json", action="store_true", help="print the rows as JSON")
    options = parser.parse_args()
    given = {name: value for name, value in vars(options).items() if value and name in DEFAULTS}
    options.complete = not (options.quick or options.only)
    options.only = tuple(options.only or NAMES)
    vars(options).update(DEFAULTS | (QUICK if options.quick else {}) | given)
    told = " ".join(f"--{name} {value:g}" for name, value in given.items())
    options.command = f'make bench-auth ARGS="{told}"' if told else "make bench-auth"
    return options


if __name__ == "__main__":
    run_benchmark(main(_arguments()))
