"""The figures of a run: what is wanted and whether it was met, and every load beside each other."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bench.overload.load import Measured
from bench.report import HEADINGS, Target, spread, table

CLOSED, NORMAL, FULL, OVERLOAD = 0.0, 0.7, 1.0, 3.0
LOADS: Final = (NORMAL, FULL, OVERLOAD)
# An app without a limit answers everything, in the order of arrival.
UNLIMITED: Final = ("concurrency_limit=1000000", "queue_limit=1000000", "queue_seconds=1000000")


@dataclass(frozen=True)
class Case:
    """An app and its route, which waits for some seconds beside its millisecond of processor."""

    name: str
    wait: float
    settings: tuple[str, ...] = ()


LIMITED: Final = (Case("1 ms", 0.0), Case("1 ms and a wait of 10 ms", 0.01))
CASES: Final = (*LIMITED, Case("1 ms, no limit", 0.0, UNLIMITED))

# What was measured at each load, which is a multiple of the capacity; 0 is a closed loop.
type Round = Mapping[float, Measured]
type Rounds = dict[Case, list[Round]]


def targets(rounds: Rounds, costs: Sequence[float]) -> list[Target]:
    """Return what is wanted of an app with a limit; its costs are microseconds per request."""
    cost = Target.of("the limit's own cost while nobody waits", costs, most=15, unit=" µs")
    return [cost, *(target for case in LIMITED for target in _targets(case, rounds[case]))]


def _targets(case: Case, rounds: Sequence[Round]) -> Iterator[Target]:
    def each(figure: Callable[[Round], float]) -> list[float]:
        return [figure(found) for found in rounds]

    name = f"{case.name}: at 3 x"
    yield Target.of(f"{name}, goodput beside its peak", each(_goodput), least=0.65, unit="x")
    refused = each(lambda found: found[OVERLOAD].refused[1])
    yield Target.of(f"{name}, refusals, p99", refused, most=50, unit=" ms")
    yield Target.of(f"{name}, answers, p99 beside 0.7 x", each(_slowness), most=2, unit="x")
    share = each(lambda found: found[NORMAL].refused_percent)
    yield Target.of(f"{case.name}: at 0.7 x, refused", share, most=0.5, unit=" %")
    wrong = each(lambda found: sum(measured.wrong for measured in found.values()))
    yield Target.of(f"{case.name}: neither 200 nor 503 with Retry-After", wrong, most=0)


def _goodput(found: Round) -> float:
    return found[OVERLOAD].goodput / max(measured.goodput for measured in found.values())


def _slowness(found: Round) -> float:
    return found[OVERLOAD].accepted[1] / found[NORMAL].accepted[1]


def render(judged: Sequence[Target], rounds: Rounds) -> str:
    """Return the tables as Markdown."""
    wanted = table(HEADINGS, (target.cells() for target in judged))
    headings = ("route", "load", "answers/s", "p50, ms", "p99, ms", "refused, %", "p50, ms",
                "p99, ms", "sent late by p99, ms")  # fmt: skip
    return f"{wanted}\n\n{table(headings, _loads(rounds))}"


def _loads(rounds: Rounds) -> Iterator[tuple[str, ...]]:
    for case, found in rounds.items():
        for load in (CLOSED, *LOADS):
            at_load = [each[load] for each in found]
            yield (
                case.name,
                f"{load:g} x" if load else "closed loop",
                spread([each.goodput for each in at_load]),
                *(spread([each.accepted[n] for each in at_load], ",.1f") for n in range(2)),
                spread([each.refused_percent for each in at_load], ".1f"),
                *(spread([each.refused[n] for each in at_load], ".1f") for n in range(2)),
                spread([each.late for each in at_load], ".1f"),
            )
