"""The figures of a run, judged by their targets: one table, and docs/performance.md and .json."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Final

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
from bench.routes.comparisons import COMPARISONS
from bench.routes.hop import Hop
from bench.routes.measures import FOREIGN_LIMIT, Figure, Memory
from bench.routes.scenarios import READS, Turn

PACKAGES: Final = (
    *("fastapi", "starlette", "uvicorn", "uvloop", "httptools", "pydantic", "orjson"),
    *("sqlalchemy", "asyncpg", "joserfc", "structlog"),
)

# The most that a latency may grow from the fewest posts to the most, and the goal.
_GROWTH: Final = (("p50", 1.3, 1.1), ("p99", 2.0, 1.3))


@dataclass
class Results:
    """Every single figure, of each round one."""

    tool: str = ""
    priority: str = ""
    seconds: float = 0.0
    figures: dict[Turn, list[Figure]] = field(default_factory=dict)
    # How many posts the contenders have, and the apps with the fewest and the most.
    posts: int = 0
    growing: tuple[str, str] | None = None
    hops: list[Hop] = field(default_factory=list)
    memory: Memory | None = None
    starts: Sequence[float] = ()
    imports: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def add(self, turn: Turn, figure: Figure) -> None:
        self.figures.setdefault(turn, []).append(figure)

    def targets(self) -> list[Target]:
        """Return what the project asks for, as far as it was measured, with what was measured."""
        return [*self._comparisons(), *self._growth(), *self._costs()]

    def spoilt(self) -> list[str]:
        """Return the turns that others disturbed however often they were repeated."""
        return [
            f"{turn.name}: others took {figure.foreign:.2f} cores"
            for turn, figures in self.figures.items()
            for figure in figures
            if figure.foreign > FOREIGN_LIMIT
        ]

    def _comparisons(self) -> Iterator[Target]:
        for each in COMPARISONS:
            if each.turn in self.figures and each.beside in self.figures:
                pairs = zip(self.figures[each.turn], self.figures[each.beside], strict=True)
                yield each.target([each.of(*pair) for pair in pairs])
        if self.hops:
            name = "Traefik: what it adds to p50 with 1 connection"
            values = [hop.gateway - hop.direct for hop in self.hops]
            yield Target.of(name, values, most=0.3, goal=0.2, unit=" ms")

    def _growth(self) -> Iterator[Target]:
        if self.growing is None:
            return
        few, many = self.growing
        for scenario in READS:
            pairs = [
                *zip(
                    self.figures[Turn(scenario, few)],
                    self.figures[Turn(scenario, many)],
                    strict=True,
                )
            ]
            for what, most, goal in _GROWTH:
                values = [getattr(two, what) / getattr(one, what) for one, two in pairs]
                name = f"{scenario.title}: {what}, {many} beside {few}"
                yield Target.of(name, values, most=most, goal=goal, unit="x")

    def _costs(self) -> Iterator[Target]:
        if self.memory is not None:
            name = "memory of an app's worker, resident"
            yield Target.of(name, [self.memory.peak], most=130, goal=95, unit=" MiB")
            name = f"... and how far it moves in {self.memory.requests:,} requests"
            yield Target.of(name, [self.memory.drift], most=5, unit=" MiB")
        if self.starts:
            yield Target.of("start of the whole stack", self.starts, most=12, goal=8, unit=" s")
        if self.imports:
            slowest = max(self.imports, key=lambda service: median(self.imports[service]))
            name = f"import of a service, the slowest: {slowest}"
            yield Target.of(name, self.imports[slowest], most=1, goal=0.6, unit=" s")


def write(results: Results, command: str) -> None:
    """Write both documents; what was tried is written by hand and kept."""
    found = environment(PACKAGES, gateway=True)
    found |= {"posts": f"{results.posts:,}, but where another number is named"}
    found |= {"load": results.tool, "priority": results.priority}
    found["took"] = f"{results.seconds / 60:.0f} minutes"
    document = DOCUMENTS / "performance.md"
    parts = (_INTRODUCTION + f"\n    {command}", facts(found), render(results), _details(results))
    write_document(document, "\n\n".join(parts))
    kept = {
        "command": command,
        "environment": found,
        "rows": [target.row() for target in results.targets()],
        "figures": {
            turn.name: [asdict(each) for each in figures]
            for turn, figures in results.figures.items()
        },
        "hops": [asdict(each) for each in results.hops],
        "memory": asdict(results.memory) if results.memory else None,
        "starts": list(results.starts),
        "imports": dict(results.imports),
    }
    figures = rounded(json.dumps(kept, indent=1, ensure_ascii=False))
    document.with_suffix(".json").write_text(figures + "\n", encoding="utf-8")


def _details(results: Results) -> str:
    lines = [_detail(turn, figures) for turn, figures in results.figures.items()]
    headings = ("route, contender", "requests/s", "p50, ms", "p99, ms")
    return table((*headings, "worker", "all else", "others"), lines)


def _detail(turn: Turn, figures: Sequence[Figure]) -> Sequence[str]:
    return (
        turn.name,
        spread([each.rate for each in figures]),
        spread([each.p50 for each in figures], ".2f"),
        spread([each.p99 for each in figures], ".2f"),
        f"{median(each.worker for each in figures):.2f}",
        f"{median(each.others for each in figures):.2f}",
        f"{median(each.foreign for each in figures):.2f}",
    )


_INTRODUCTION: Final = """# Performance

Written by `make bench`, but for the last section. Where nothing else is said, 32 connections stay
open and each asks again once it was answered; figures are medians of the rounds with the least and
the most, and what is compared runs in turns on the same machine, so that ratios hold where absolute
figures do not.

- **Colonnade** is measured through Traefik with everything on: metrics, logs, entity tags, events.
- **naive** is what a team would write first ([naive.py](../bench/references/naive.py)), **limit** a
  bare function with the driver ([limit.py](../bench/references/limit.py)), each without a gateway.
  All answer from the same rows, and before anything is measured their answers are compared.
- Growth is that of the same app beside a smaller and a larger database, in turns, without Traefik.
- Whatever answers has one worker on one core; PostgreSQL, Traefik, Valkey, the relay and the load
  share the other. The last columns tell how many cores the worker took, all else of the run, and
  processes that have nothing to do with it.
"""
