"""`make bench-events`: measures every contender in turns and writes docs/performance-events.*."""

import argparse
import sys
import time
from collections import defaultdict

from bench.events import measures, report
from bench.events.measures import COLONNADE, CONTENDERS, Contender
from bench.events.report import Results
from bench.events.stage import Stage, open_stage
from bench.processes import run_benchmark

SIZES = (0, 10_000, 100_000, 1_000_000, 10_000_000)
LIVE_SECONDS = 4.0
LATENCY_SECONDS = 10.0
HALF_LOAD_SECONDS = 6.0
IDLE_SECONDS = 12.0
RATE = 200.0
DRAINS = 2


async def main(arguments: argparse.Namespace) -> None:
    """Run everything, print the table, write the documents."""
    started = time.monotonic()
    results = Results(rounds=arguments.rounds)
    async with open_stage() as stage:
        for number in range(arguments.rounds):
            # Each round begins with another contender, so that none always has the same neighbour.
            first = number % len(CONTENDERS)
            for contender in (*CONTENDERS[first:], *CONTENDERS[:first]):
                await _measure(stage, contender, results)
        results.idle = await measures.idle(stage, IDLE_SECONDS)
        _say("idle relay", f"{results.idle[0]:.2f} % of a core")
    async with open_stage() as stage:
        for size in (size for size in SIZES if size <= arguments.rows):
            await _measure_size(stage, size, results)
    results.seconds = time.monotonic() - started
    print(report.render(results))
    if not arguments.dry_run:
        report.write(results, arguments)


async def _measure(stage: Stage, contender: Contender, results: Results) -> None:
    if contender.producer != "outbox":
        drained = await measures.drain_queue(stage, contender)
        results.add(contender.name, "drained", drained.rate)
    async with measures.running(stage, contender) as running:
        if contender.producer == "outbox":
            for _ in range(DRAINS):
                drained = await running.drain()
                results.add(contender.name, "drained", drained.rate)
                results.add_cpu(contender.name, drained.cpu)
        live = await running.flat_out(LIVE_SECONDS)
        results.add(contender.name, "live", live)
        _say(contender.name, f"drained {drained.rate:.0f}/s, live {live:.0f}/s")
        if contender is COLONNADE:
            for what, rate, seconds in (
                ("at_200", RATE, LATENCY_SECONDS),
                ("at_half_load", live / 2, HALF_LOAD_SECONDS),
            ):
                p50, p99 = await running.latency(rate, seconds)
                results.add_latency(what, rate, p50, p99)
                _say(contender.name, f"{rate:.0f}/s: p50 {p50:.1f} ms, p99 {p99:.1f} ms")


async def _measure_size(stage: Stage, size: int, results: Results) -> None:
    await measures.grow_log(stage, size)
    async with measures.running(stage, COLONNADE) as running:
        rates, costs = [], defaultdict(list)
        for _ in range(DRAINS + 1):
            drained = await running.drain()
            rates.append(drained.rate)
            for name, cost in drained.cpu.items():
                costs[name].append(cost)
    results.add_size(size, rates, costs)
    _say(f"log of {size:,} rows", f"drained {max(rates):.0f}/s")


def _say(what: str, told: str) -> None:
    print(f"{what:<22} {told}", file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-events", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each contender")
    parser.add_argument(
        "--rows", type=int, default=1_000_000, help="largest log that the cost is measured with"
    )
    parser.add_argument("--dry-run", action="store_true", help="write no document")
    return parser.parse_args()


if __name__ == "__main__":
    run_benchmark(main(_arguments()))
