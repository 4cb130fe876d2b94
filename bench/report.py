"""What benchmarks have to tell: targets and whether they are met, tables, figures that are kept."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final, Protocol

from bench.machine import ROOT

DOCUMENTS: Final = ROOT / "docs"
_KEPT_FROM: Final = "## What was tried"
_ANSWERS: Final = {True: "yes", False: "**no**", None: ""}
HEADINGS: Final = ("target", "measured", "wanted", "met", "goal beyond", "met")


@dataclass(frozen=True)
class Target:
    """A figure that the run has to reach, and perhaps a goal beyond."""

    what: str
    measured: float
    bound: float
    at_most: bool
    unit: str = ""
    goal: float | None = None
    spread: tuple[float, float] | None = None

    @classmethod
    def of(
        cls,
        what: str,
        values: Sequence[float],
        *,
        least: float | None = None,
        most: float | None = None,
        goal: float | None = None,
        unit: str = "",
    ) -> "Target":
        """Judge the median of some rounds by its bound, which is `least` or `most`."""
        bound = most if least is None else least
        if bound is None or not values:
            raise ValueError(f"{what}: a target needs a bound and values")
        spread = (min(values), max(values))
        return cls(what, median(values), bound, least is None, unit, goal, spread)

    @property
    def met(self) -> bool:
        return self._reaches(self.bound)

    @property
    def goal_met(self) -> bool | None:
        return None if self.goal is None else self._reaches(self.goal)

    def told(self, bound: float | None) -> str:
        """Return a bound as the table shows it; nothing for no bound."""
        sign = "≤" if self.at_most else "≥"
        return "" if bound is None else f"{sign} {bound:.3g}{self.unit}"

    def cells(self) -> tuple[str, ...]:
        """Return the target's line of a table with `HEADINGS`."""
        measured = f"{self.measured:.2f}{self.unit}"
        if self.spread is not None and self.spread[0] != self.spread[1]:
            measured += f" ({self.spread[0]:.2f} to {self.spread[1]:.2f})"
        return (
            self.what,
            measured,
            self.told(self.bound),
            _ANSWERS[self.met],
            self.told(self.goal),
            _ANSWERS[self.goal_met],
        )

    def row(self) -> dict[str, Any]:
        """Return the target as a document keeps it."""
        return {
            "name": self.what,
            "value": round(self.measured, 3),
            "unit": self.unit.strip(),
            "target": self.told(self.bound),
            "goal": self.told(self.goal),
            "met": self.met,
            "goal_met": self.goal_met,
            "spread": [round(value, 3) for value in self.spread or ()],
        }

    def _reaches(self, bound: float) -> bool:
        return self.measured <= bound if self.at_most else self.measured >= bound


class Judged(Protocol):
    """The figures of a run: targets that they reach or miss, and what others disturbed."""

    def targets(self) -> list[Target]: ...

    def spoilt(self) -> list[str]: ...


def render(results: Judged) -> str:
    """Return the table of targets, and what others disturbed."""
    told = table(HEADINGS, [target.cells() for target in results.targets()])
    return "\n".join((told, *(f"\ndisturbed: {each}" for each in results.spoilt())))


def rows(results: Judged) -> str:
    """Return the targets as JSON."""
    return json.dumps([target.row() for target in results.targets()], indent=1)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def spread(values: Sequence[float], form: str = ",.0f") -> str:
    """Return the median of some values, and the least and the most of them."""
    return f"{median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def rounded(figures: str) -> str:
    """Return JSON without digits that mean nothing."""
    return re.sub(r"\d+\.\d{3,}", lambda match: f"{float(match[0]):.3f}", figures)


def facts(found: dict[str, str]) -> str:
    """Return what a reader has to know of a run, one line each."""
    return "\n".join(f"- {name}: {value}" for name, value in found.items())


def write_document(path: Path, text: str) -> None:
    """Write a document, but for its last section: what was tried is written by hand and kept."""
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    kept = before[before.index(_KEPT_FROM) :] if _KEPT_FROM in before else f"{_KEPT_FROM}\n"
    path.write_text(f"{text}\n\n{kept}", encoding="utf-8")
