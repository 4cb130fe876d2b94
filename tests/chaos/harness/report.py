"""The table of a run, and the two documents that keep it."""

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psutil

from devstack.binaries import postgres_binary, valkey_server
from tests.chaos.harness.trial import Row

_HEADINGS: Final = (
    *("drill", "runs", "acknowledged", "lost", "doubled", "rolled back"),
    *("recovery", "target", "met"),
)
_INTRODUCTION: Final = """\
# Reliability

What the event log promises, put to the test: every drill runs the real stack (services, workers,
PostgreSQL, Valkey, Traefik) under a load of writes through the gateway, breaks something, heals it,
and then compares everything that was acknowledged with everything that took effect.

- *acknowledged*: writes that the gateway answered with 2xx.
- *lost*: acknowledged writes that are not in their database, and facts in a producer's log without
  effect. *doubled*: facts that took effect more than once.
- *rolled back*: acknowledged writes that a restore from a backup took away, as restores do.
- *recovery*: from the end of the fault until every consumer has all that was committed by then.
- *met*: nothing lost, nothing doubled, order kept, copies equal to their sources, streams equal to
  the tails of their logs, and the target reached.

This file is written by the command below; nobody edits it.
"""


@dataclass(frozen=True, slots=True)
class Report:
    """The rows of one run and the circumstances in which they came about."""

    rows: Sequence[Row]
    command: str
    minutes: float

    @property
    def met(self) -> bool:
        return all(row.met for row in self.rows)

    def table(self) -> str:
        """The table, aligned for a terminal."""
        lines = [_HEADINGS, *map(_cells, self.rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(_HEADINGS))]
        text = [_joined("  ", line, widths) for line in lines]
        return "\n".join([text[0], "-" * len(text[0]), *text[1:], *self._problems("  ! ")])

    def write(self, docs: Path) -> None:
        """Write `reliability.json` and `reliability.md`."""
        facts = self._facts()
        document = {**facts, "rows": [row.document() for row in self.rows]}
        text = json.dumps(document, indent=2, ensure_ascii=False)
        (docs / "reliability.json").write_text(f"{text}\n", encoding="utf-8")
        (docs / "reliability.md").write_text(self._markdown(facts), encoding="utf-8")

    def _markdown(self, facts: dict[str, Any]) -> str:
        lines = [_HEADINGS, tuple("---" for _ in _HEADINGS), *map(_cells, self.rows)]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        rate = sum(row.writes_per_second for row in self.rows) / max(1, len(self.rows))
        machine = ", ".join(f"{value} {name}" for name, value in facts["machine"].items())
        told = "\n".join(self._problems("- "))
        return (
            f"{_INTRODUCTION}\n    {self.command}\n\n"
            f"Run on {facts['date']} at commit `{facts['commit']}` in {self.minutes:.1f} minutes; "
            f"{rate:.0f} acknowledged writes a second on average, faults included.\n"
            f"Machine: {machine}.\n\n{table}\n"
            + (f"\n## What was not met\n\n{told}\n" if told else "")
        )

    def _problems(self, mark: str) -> list[str]:
        return [f"{mark}{row.drill}: {problem}" for row in self.rows for problem in row.problems]

    def _facts(self) -> dict[str, Any]:
        return {
            "command": self.command,
            "date": datetime.now(UTC).date().isoformat(),
            "commit": _output("git", "rev-parse", "--short", "HEAD"),
            "machine": {
                "cores": os.cpu_count(),
                "GiB": round(psutil.virtual_memory().total / 2**30),
                "Python": platform.python_version(),
                "PostgreSQL": _output(postgres_binary("postgres"), "--version").split()[-1],
                "Valkey": _output(valkey_server(), "--version").split("v=")[-1].split()[0],
            },
        }


def _cells(row: Row) -> tuple[str, ...]:
    numbers = (row.runs, row.acknowledged, row.lost, row.doubled, row.rolled_back)
    recovery = f"{row.recovery_seconds:.1f} s"
    return (row.drill, *map(str, numbers), recovery, row.target, "yes" if row.met else "NO")


def _joined(gap: str, cells: Sequence[str], widths: Sequence[int]) -> str:
    return gap.join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
