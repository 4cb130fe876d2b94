"""The figures of a run: one table to read, and docs/performance-events.md and .json to keep."""

import argparse
import json
import platform
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Final

import psutil

from bench.events.measures import BARE, CELERY, COLONNADE, CONTENDERS, FASTSTREAM
from devstack.binaries import postgres_binary, valkey_server

DOCUMENTS: Final = Path(__file__).resolve().parents[2] / "docs"
KEPT_FROM: Final = "## What was tried"
PACKAGES: Final = (
    *("asyncpg", "sqlalchemy", "redis", "hiredis", "uvloop", "pydantic"),
    *("celery", "faststream"),
)
_ANSWERS: Final = {True: "yes", False: "**no**", None: ""}
# The most that the cost of an event may grow from an empty log to the largest.
FLAT: Final = 1.25


@dataclass(frozen=True)
class Target:
    """A figure that the run has to reach, and perhaps a goal beyond."""

    what: str
    measured: float
    bound: float
    at_most: bool
    unit: str = ""
    goal: float | None = None

    @property
    def met(self) -> bool:
        return self._reaches(self.bound)

    @property
    def goal_met(self) -> bool | None:
        return None if self.goal is None else self._reaches(self.goal)

    def told(self, bound: float | None) -> str:
        """Return a bound as the table shows it; nothing for no bound."""
        sign = "≤" if self.at_most else "≥"
        return "" if bound is None else f"{sign} {bound:g}{self.unit}"

    def _reaches(self, bound: float) -> bool:
        return self.measured <= bound if self.at_most else self.measured >= bound


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
    environment = _environment()
    command = f'make bench-events ARGS="--rounds {arguments.rounds} --rows {arguments.rows}"'
    document = DOCUMENTS / "performance-events.md"
    before = document.read_text(encoding="utf-8") if document.exists() else ""
    kept = before[before.index(KEPT_FROM) :] if KEPT_FROM in before else f"{KEPT_FROM}\n"
    told = "\n".join(f"- {name}: {value}" for name, value in environment.items())
    text = f"{_INTRODUCTION}\n    {command}\n\n{told}\n\n{render(results)}\n\n{kept}"
    document.write_text(text, encoding="utf-8")
    kept_figures = {
        "command": command,
        "environment": environment,
        "targets": [
            asdict(each) | {"met": each.met, "goal_met": each.goal_met}
            for each in results.targets()
        ],
        **asdict(results),
    }
    figures = json.dumps(kept_figures, indent=1, default=str)
    document.with_suffix(".json").write_text(_rounded(figures) + "\n", encoding="utf-8")


def _targets(results: Results) -> str:
    rows = [
        (
            target.what,
            f"{target.measured:.2f}{target.unit}",
            target.told(target.bound),
            _ANSWERS[target.met],
            target.told(target.goal),
            _ANSWERS[target.goal_met],
        )
        for target in results.targets()
    ]
    return _table(("target", "measured", "wanted", "met", "goal beyond", "met"), rows)


def _rates(results: Results) -> str:
    rows = []
    for contender in CONTENDERS:
        rates = results.rates[contender.name]
        cells = [_spread(rates[what]) for what in ("drained", "live")]
        rows.append((contender.name, *cells))
    return _table(("events/s: median (least to most)", "drained", "live"), rows)


def _latencies(results: Results) -> str:
    rows = []
    for figures in results.latencies.values():
        rate = f"{median(figures['rate']):,.0f} events/s"
        rows.append((rate, *(_spread(figures[each], ".1f") for each in ("p50", "p99"))))
    return _table(("commit to effect, ms", "p50", "p99"), rows)


def _costs(results: Results) -> str:
    rows = [
        (contender, process, f"{median(costs):.0f}")
        for contender, processes in results.cpu.items()
        for process, costs in processes.items()
    ]
    idle = ("idle: percent of a core", "relay; PostgreSQL for it", "{:.2f}; {:.2f}")
    rows.append((idle[0], idle[1], idle[2].format(*results.idle)))
    return _table(("drained", "process", "CPU, µs an event"), rows)


def _sizes(results: Results) -> str:
    rows = [
        (f"{size:,}", *(f"{figures[name]:,.0f}" for name in figures))
        for size, figures in results.sizes.items()
    ]
    return _table(("rows in the log", "drained events/s", "µs an event", "CPU µs an event"), rows)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _spread(values: Sequence[float], form: str = ",.0f") -> str:
    return f"{median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def _rounded(figures: str) -> str:
    return re.sub(r"\d+\.\d{3,}", lambda match: f"{float(match[0]):.3f}", figures)


def _environment() -> dict[str, str]:
    cpu = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    memory = psutil.virtual_memory().total / 2**30
    libraries = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return {
        "machine": f"{psutil.cpu_count()} cores ({cpu[1] if cpu else platform.machine()}),"
        f" {memory:.0f} GiB; load average before the end {psutil.getloadavg()[1]:.1f}",
        "servers": f"{_output(postgres_binary('postgres'), '--version')};"
        f" {_valkey_version()}; fsync and synchronous_commit are on",
        "libraries": f"Python {platform.python_version()}, {libraries}",
        "commit": _output("git", "describe", "--always", "--dirty"),
    }


def _valkey_version() -> str:
    found = re.search(r"v=([\d.]+)", _output(valkey_server(), "--version"))
    return f"Valkey {found[1] if found else 'unknown'}"


def _output(*command: str) -> str:
    done = subprocess.run(command, cwd=DOCUMENTS, capture_output=True, text=True, check=True)
    return done.stdout.strip()


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
