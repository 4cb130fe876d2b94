"""`python -m tests.chaos [WORD…]`: run the drills, all or those whose family or name has a word.

CHAOS_SEED repeats a run, CHAOS_QUICK=1 shortens the faults. Exit 1: something was not met.
"""

import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import uvloop

from devstack.catalog import find_root
from tests.chaos.drills import GROUPS, family
from tests.chaos.harness.report import Report
from tests.chaos.harness.trial import Drill, Row
from tests.chaos.harness.world import open_world


@dataclass(frozen=True, slots=True)
class Options:
    words: Sequence[str]
    seed: int
    quick: bool

    @property
    def command(self) -> str:
        """The command that repeats this run."""
        quick = "CHAOS_QUICK=1 " if self.quick else ""
        return f"CHAOS_SEED={self.seed} {quick}make chaos"

    def chosen(self) -> list[list[Drill]]:
        """The drills of this run, by the world that they share."""
        groups = [
            [
                drill
                for module in group
                for drill in module.DRILLS
                if self._wants(f"{family(module)} {drill.name}")
            ]
            for group in GROUPS
        ]
        return [group for group in groups if group]

    def _wants(self, name: str) -> bool:
        return not self.words or any(word.lower() in name.lower() for word in self.words)


def tell(row: Row) -> None:
    """Show at once how a drill ended; the table comes when all have."""
    met = "met" if row.met else "NOT MET"
    rate = f"{row.writes_per_second:4.0f} writes/s"
    lines = [f"{met:8}{row.recovery_seconds:6.1f} s  {rate}  {row.drill}", *row.problems]
    print("\n  ! ".join(lines), flush=True)  # noqa: T201 — progress


async def run_group(drills: Sequence[Drill], options: Options) -> list[Row]:
    """Run drills in one world; one that was not met leaves it for a new one."""
    rows: list[Row] = []
    async with AsyncExitStack() as worlds:
        world = None
        for drill in drills:
            if world is None:
                folder = worlds.enter_context(tempfile.TemporaryDirectory(prefix="colonnade-"))
                world = await worlds.enter_async_context(open_world(Path(folder)))
            row = await drill.take(world, seed=options.seed, quick=options.quick)
            rows.append(row)
            tell(row)
            if not row.met:
                await worlds.aclose()
                world = None
    return rows


def main() -> int:
    """Run what was asked for; a complete run writes the documents."""
    seed = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().getrandbits(32))
    options = Options(sys.argv[1:], seed, bool(os.environ.get("CHAOS_QUICK")))
    rows: list[Row] = []
    began = time.monotonic()
    for drills in options.chosen():
        rows += uvloop.run(run_group(drills, options))
    report = Report(rows, options.command, (time.monotonic() - began) / 60)
    print(f"\n{report.table()}\n\nrepeat with: {options.command}")  # noqa: T201 - the result
    if not options.words:
        report.write(find_root() / "docs")
    return 0 if report.met else 1


if __name__ == "__main__":
    sys.exit(main())
