"""The figures of a run: one table to read, and docs/performance-events.md and .json to keep."""

import argparse
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Final

from bench.events.measures import BARE, CELERY, COLONNADE, CONTENDERS, FASTSTREAM
from bench.machine import environment
from bench.report import (
    DOCUMENTS,
    HEADINGS,
    Target,
    facts,
    rounded,
    spread,
    table,
    write_document,
)

PACKAGES: Final = (
    *("asyncpg", "sqlalchemy", "redis", "hiredis", "uvloop", "pydantic"),
    *("celery", "faststream"),
)
# The most that the cost of an event may grow from an empty log to the largest.
FLAT: Final = 1.25


@dataclass
class Results:
    """Every single figure, in the order in which it was measured."""

    rounds: int
    rates: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    cpu: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    latencies: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    sizes: dict[int, dict[str, float]] = field(default_factory=dict)
    idle: tuple[float, float] = (0.0, 0.0)
    seconds: float = 0.0

    def add(self, contender: str, what: str, rate: float) -> None:
        self.rates.setdefault(contender, {}).setdefault(what, []).append(rate)

    def add_cpu(self, contender: str, cpu: Mapping[str, float]) -> None:
        for process, cost in cpu.items():
            self.cpu.setdefault(contender, {}).setdefault(process, []).append(cost)

    def add_latency(self, what: str, rate: float, p50: float, p99: float) -> None:
        figures = self.latencies.setdefault(what, defaultdict(list))
        for name, value in (("rate", rate), ("p50", p50), ("p99", p99)):
            figures[name].append(value)

    def add_size(
        self, size: int, rates: Sequence[float], cpu: Mapping[str, Sequence[float]]
    ) -> None:
        self.sizes[size] = {
            "rate": median(rates),
            "microseconds": 1e6 / median(rates),
            "cpu_microseconds": sum(median(costs) for costs in cpu.values()),
        }

    def rate(self, contender: str, what: str) -> float:
        return median(self.rates[contender][what])

    def targets(self) -> list[Target]:
        """Return what the issue asks for, with what was measured."""
        found = []
        for other, least, goal in ((BARE, 0.5, 0.7), (CELERY, 8.0, None), (FASTSTREAM, 5.0, None)):
            for what in ("drained", "live"):
                ratio = self.rate(COLONNADE.name, what) / self.rate(other.name, what)
                name = f"{what} events/s, beside {other.name}"
                found.append(Target(name, ratio, least, at_most=False, unit="x", goal=goal))
        for what, told in (("at_200", "200 events/s"), ("at_half_load", "half load")):
            for percentile, most, goal in (("p50", 10.0, 5.0), ("p99", 50.0, None)):
                measured = median(self.latencies[what][percentile])
                name = f"commit to effect at {told}, {percentile}"
                found.append(Target(name, measured, most, at_most=True, unit=" ms", goal=goal))
        found.append(Target("CPU of an idle relay", self.idle[0], 2.0, at_most=True, unit=" %"))
        growth = max(size["cpu_microseconds"] for size in self.sizes.values())
        name = f"cost per event at {max(self.sizes):,} rows, beside an empty log"
        growth /= self.sizes[0]["cpu_microseconds"]
        return [*found, Target(name, growth, FLAT, at_most=True, unit="x")]


def render(results: Results) -> str:
    """Return the tables of a run as Markdown."""
    parts = [_targets(results), _rates(results), _latencies(results), _costs(results)]
    return "\n\n".join((*parts, _sizes(results)))


def write(results: Results, arguments: argparse.Namespace) -> None:
    """Write both documents; what was tried is written by hand and kept."""
    found = environment(PACKAGES)
    command = f'make bench-events ARGS="--rounds {arguments.rounds} --rows {arguments.rows}"'
    document = DOCUMENTS / "performance-events.md"
    text = f"{_INTRODUCTION}\n    {command}\n\n{facts(found)}\n\n{render(results)}"
    write_document(document, text)
    kept_figures = {
        "command": command,
        "environment": found,
        "targets": [
            asdict(each) | {"met": each.met, "goal_met": each.goal_met}
            for each in results.targets()
        ],
        **asdict(results),
    }
    figures = json.dumps(kept_figures, indent=1, default=str)
    document.with_suffix(".json").write_text(rounded(figures) + "\n", encoding="utf-8")


def _targets(results: Results) -> str:
    return table(HEADINGS, [target.cells() for target in results.targets()])


def _rates(results: Results) -> str:
    rows = []
    for contender in CONTENDERS:
        rates = results.rates[contender.name]
        cells = [spread(rates[what]) for what in ("drained", "live")]
        rows.append((contender.name, *cells))
    return table(("events/s: median (least to most)", "drained", "live"), rows)


def _latencies(results: Results) -> str:
    rows = []
    for figures in results.latencies.values():
        rate = f"{median(figures['rate']):,.0f} events/s"
        rows.append((rate, *(spread(figures[each], ".1f") for each in ("p50", "p99"))))
    return table(("commit to effect, ms", "p50", "p99"), rows)


def _costs(results: Results) -> str:
    rows = [
        (contender, process, f"{median(costs):.0f}")
        for contender, processes in results.cpu.items()
        for process, costs in processes.items()
    ]
    idle = ("idle: percent of a core", "relay; PostgreSQL for it", "{:.2f}; {:.2f}")
    rows.append((idle[0], idle[1], idle[2].format(*results.idle)))
    return table(("drained", "process", "CPU, µs an event"), rows)


def _sizes(results: Results) -> str:
    rows = [
        (f"{size:,}", *(f"{figures[name]:,.0f}" for name in figures))
        for size, figures in results.sizes.items()
    ]
    return table(("rows in the log", "drained events/s", "µs an event", "CPU µs an event"), rows)


_INTRODUCTION: Final = """# Performance of events

Written by `make bench-events`, but for the last section. Every contender inserts one row an event
into the same PostgreSQL, whose commits reach the disk; all run in turns on the same machine, so
that ratios hold where absolute figures do not.

- **Colonnade**: outbox, relay, stream, consumer, each in the process that it has in production.
- **bare limit**: the same two transactions (move a batch, apply a batch and move the cursor) and
  one pipelined XADD without any protocol. Nothing of it survives a fault.
- **FastStream**: a Redis consumer group with one consumer. **Celery**: `.delay()` and a worker with
  two processes. Neither keeps a promise after a crash between commit and publish.
- *drained*: a backlog is there at once (for the rivals: in their queue), nobody else works. *live*:
  a producer commits one fact a transaction on the same two cores, as fast as effects follow.
- Latencies are distances of commit timestamps that PostgreSQL took of the fact and of its effect.
"""
