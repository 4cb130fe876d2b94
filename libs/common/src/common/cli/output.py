"""What a command tells: a document for programs, lines for people, and an exit code."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))
_WIDEST = 60


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a command."""

    document: Any
    lines: Sequence[str]
    code: int = 0


def table(headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Return the lines of a table; columns of numbers stand to the right."""
    cells = [[_shortened(str(cell)) for cell in row] for row in rows]
    columns = list(zip(headings, *cells, strict=True))
    widths = [max(map(len, column)) for column in columns]
    numeric = [all(text.isdecimal() for text in column[1:]) for column in columns]
    return ["  ".join(_aligned(row, widths, numeric)).rstrip() for row in (headings, *cells)]


def age(seconds: float | None) -> str:
    """Return a time span as people say it: `0 s`, `12 s`, `3.5 min`, `2.0 d`; `?` if unknown."""
    if seconds is None:
        return "?"
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def since(moment: str) -> float:
    """Return the seconds from an RFC 3339 time until now, negative for one to come."""
    return (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()


def _aligned(row: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> list[str]:
    return [
        text.rjust(width) if is_number else text.ljust(width)
        for text, width, is_number in zip(row, widths, numeric, strict=True)
    ]


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WIDEST else f"{line[: _WIDEST - 1]}…"
