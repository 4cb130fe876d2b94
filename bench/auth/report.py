"""The figures of a run, judged by their targets: one table, and docs/performance-auth.md, .json."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Final

from bench.auth.measures import FOREIGN_LIMIT, Disturbed, Logins, Storm
from bench.auth.ranks import Times
from bench.machine import environment
from bench.report import (
    DOCUMENTS,
    Target,
    facts,
    render,
    rounded,
    spread,
    table,
    write_document,
)

PACKAGES: Final = (
    *("argon2-cffi", "fastapi", "starlette", "uvicorn", "uvloop", "pydantic"),
    *("sqlalchemy", "asyncpg", "joserfc", "zxcvbn"),
)
_PORTIONS: Final = 5


@dataclass
class Results:
    """Every single figure, of each round one."""

    priority: str = ""
    settings: str = ""
    seconds: float = 0.0
    logins: list[Logins] = field(default_factory=list)
    storms: list[Storm] = field(default_factory=list)
    verification: list[float] = field(default_factory=list)
    ranks: dict[str, Times] = field(default_factory=dict)

    def targets(self) -> list[Target]:
        """Return what the project asks for, as far as it was measured, with what was measured."""
        return [*self._logins(), *self._storms(), *self._verification(), *self._ranks()]

    def spoilt(self) -> list[str]:
        """Return what others disturbed however often it was repeated."""
        measured: list[tuple[str, Sequence[Disturbed]]] = [
            ("logins", self.logins),
            ("storm", self.storms),
        ]
        return [
            f"{what}: others took {figure.foreign:.2f} cores"
            for what, figures in measured
            for figure in figures
            if figure.foreign > FOREIGN_LIMIT
        ]

    def _logins(self) -> Iterator[Target]:
        if self.logins:
            shares = [each.percent for each in self.logins]
            name = "logins a second beside bare Argon2id"
            yield Target.of(name, shares, least=75, goal=90, unit=" %")

    def _storms(self) -> Iterator[Target]:
        if not self.storms:
            return
        probes = [each.weathered.probe_ms[1] for each in self.storms]
        yield Target.of("storm: `/healthz`, p99", probes, most=200, unit=" ms")
        drifts = [drift(each.memory) for each in self.storms]
        name = "storm: how far the memory of auth's worker moves"
        yield Target.of(name, drifts, most=5, unit=" MiB")
        kept = [each.reads / each.calm * 100 for each in self.storms]
        yield Target.of("storm: reads of posts beside those before", kept, least=80, unit=" %")
        wrong = [sum(each.weathered.wrong.values()) for each in self.storms]
        name = "storm: neither a login nor 429 or 503 with Retry-After"
        yield Target.of(name, [float(each) for each in wrong], most=0)

    def _verification(self) -> Iterator[Target]:
        if self.verification:
            name = "verification of a remembered token"
            yield Target.of(name, self.verification, most=5, unit=" µs")

    def _ranks(self) -> Iterator[Target]:
        for route, times in self.ranks.items():
            name = f"{route}: known from unknown addresses, distance of the AUC from 0.5"
            yield Target.of(name, [times.distance], most=0.1)


def drift(memory: Sequence[float]) -> float:
    """Return how far the peaks of a load's parts are from that of the first one.

    A hash takes its memory and gives it back: single samples say nothing.
    """
    size = max(1, len(memory) // _PORTIONS)
    peaks = [max(memory[first : first + size]) for first in range(0, size * _PORTIONS, size)]
    return max(abs(peak - peaks[0]) for peak in peaks)


def write(results: Results, command: str) -> None:
    """Write both documents; what was tried is written by hand and kept."""
    found = environment(PACKAGES)
    found |= {"settings": results.settings, "priority": results.priority}
    found["took"] = f"{results.seconds / 60:.0f} minutes"
    document = DOCUMENTS / "performance-auth.md"
    told = (facts(found), render(results), _details(results), _ranked(results))
    write_document(document, "\n\n".join((_INTRODUCTION + f"\n    {command}", *told)))
    kept = {
        "command": command,
        "environment": found,
        "rows": [target.row() for target in results.targets()],
        "logins": [asdict(each) for each in results.logins],
        "storms": [asdict(each) for each in results.storms],
        "verification": results.verification,
        "ranks": {route: asdict(times) for route, times in results.ranks.items()},
    }
    figures = rounded(json.dumps(kept, indent=1, ensure_ascii=False))
    document.with_suffix(".json").write_text(figures + "\n", encoding="utf-8")


def _details(results: Results) -> str:
    logins, storms = results.logins, results.storms
    weathered = [each.weathered for each in storms]
    failed = [float(each.failed) for each in storms]
    lines = (
        ("bare Argon2id, a second", [each.bare for each in logins], ".1f"),
        ("logins, a second", [each.rate for each in logins], ".1f"),
        ("logins, p50, ms", [each.p50 for each in logins], ".0f"),
        ("logins, p99, ms", [each.p99 for each in logins], ".0f"),
        ("storm: sent, a second", [each.rate for each in storms], ".0f"),
        ("storm: logins, a second", [each.accepted for each in weathered], ".1f"),
        ("storm: logins, p99, ms", [each.accepted_ms[1] for each in weathered], ".0f"),
        ("storm: refused, a second", [each.refused for each in weathered], ".1f"),
        ("storm: refused, p50, ms", [each.refused_ms[0] for each in weathered], ".0f"),
        ("storm: refused, p99, ms", [each.refused_ms[1] for each in weathered], ".0f"),
        ("storm: `/healthz`, p50, ms", [each.probe_ms[0] for each in weathered], ".1f"),
        ("storm: `/healthz`, longest, ms", [each.probe_ms[2] for each in weathered], ".0f"),
        ("storm: peak of memory, MiB", [max(each.memory) for each in storms], ".0f"),
        ("reads of posts before, a second", [each.calm for each in storms], ",.0f"),
        ("reads of posts in the storm, a second", [each.reads for each in storms], ",.0f"),
        ("reads of posts in the storm that failed", failed, ".0f"),
    )
    rows = [(name, spread(found, form)) for name, found, form in lines]
    wrong = sum((Counter(each.wrong) for each in weathered), Counter[str]())
    told = ", ".join(f"{what}: {number}" for what, number in wrong.most_common())
    return table(
        ("", "measured"), [*rows, ("storms: what was wrong, all in all", told or "nothing")]
    )


def _ranked(results: Results) -> str:
    lines = [
        (
            route,
            str(len(times.known)),
            f"{median(times.known):.2f}",
            f"{median(times.unknown):.2f}",
            f"{times.distance:.3f}",
        )
        for route, times in results.ranks.items()
    ]
    headings = ("route", "addresses of each kind", "known: median, ms", "unknown: median, ms")
    return table((*headings, "distance of the AUC from 0.5"), lines)


_INTRODUCTION: Final = """# Performance of auth

Written by `make bench-auth`, but for the last section. Figures are medians of the rounds with the
least and the most; what is compared runs in turns on the same machine.

- The app of auth has one worker on one core; PostgreSQL, auth's worker, posts and the load share
  the other.
- **Bare Argon2id** is a loop on that core which verifies one password after another with the
  parameters of auth ([bare.py](../bench/auth/bare.py)). Logins are the right passwords of 500
  accounts, 16 at a time, from the device and the network of their logins before.
- **The storm** sends logins at random moments, three times as many as were answered before, whether
  or not the former ones were; every 20 ms a probe, and 32 connections that read posts. Memory is
  compared by its peaks in fifths of the time: a hash takes 19 MiB and gives them back.
- **Known or not**: requests about 500 addresses with an account and 500 without, one after another,
  mixed at random. The area under the ROC curve is the chance that an answer about a known address
  took longer than one about an unknown address: a coin has 0.5.
"""
