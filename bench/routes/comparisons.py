"""What the figures of one turn must be beside those of another: the targets that are ratios."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bench.report import Target
from bench.routes.measures import Figure
from bench.routes.scenarios import (
    ANONYMOUS,
    COMMENTS,
    CREATE,
    FEED,
    LIST,
    NOT_MODIFIED,
    POST,
    Turn,
)
from bench.routes.stage import DIRECT, LIMIT, NAIVE, OURS

type Ratio = Callable[[Figure, Figure], float]


def _rate(one: Figure, other: Figure) -> float:
    return one.rate / other.rate


def _share(one: Figure, other: Figure) -> float:
    return 100 * one.rate / other.rate


def _lost(one: Figure, other: Figure) -> float:
    return 100 * (1 - one.rate / other.rate)


def _p99(one: Figure, other: Figure) -> float:
    return one.p99 / other.p99


@dataclass(frozen=True, slots=True)
class Comparison:
    """A ratio of two figures of the same round; a goal below the bound means: at most."""

    name: str
    turn: Turn
    beside: Turn
    of: Ratio
    bound: float
    goal: float
    unit: str = "x"

    def target(self, values: Sequence[float]) -> Target:
        """Judge the ratios of some rounds."""
        least, most = (None, self.bound) if self.goal < self.bound else (self.bound, None)
        return Target.of(self.name, values, least=least, most=most, goal=self.goal, unit=self.unit)


_POST, _LIST, _CREATE = (Turn(scenario, OURS) for scenario in (POST, LIST, CREATE))
_ANONYMOUS, _HELD = Turn(ANONYMOUS, OURS), Turn(NOT_MODIFIED, OURS)
COMPARISONS: Final = (
    Comparison("GET post: rate beside naive", _POST, Turn(POST, NAIVE), _rate, 5, 8),
    Comparison("GET post: share of the limit", _POST, Turn(POST, LIMIT), _share, 35, 50, " %"),
    Comparison("GET post: p99 beside naive", _POST, Turn(POST, NAIVE), _p99, 1 / 3, 1 / 5),
    Comparison("GET post, anonymous: rate beside authenticated", _ANONYMOUS, _POST, _rate, 1, 1.1),
    Comparison("GET post, 304: rate beside anonymous", _HELD, _ANONYMOUS, _rate, 1, 1.3),
    Comparison("list: rate beside naive", _LIST, Turn(LIST, NAIVE), _rate, 4.5, 6),
    Comparison("list: share of the limit", _LIST, Turn(LIST, LIMIT), _share, 60, 75, " %"),
    Comparison("home feed: share of the list", Turn(FEED, OURS), _LIST, _share, 50, 80, " %"),
    Comparison("comments: share of the list", Turn(COMMENTS, OURS), _LIST, _share, 50, 80, " %"),
    Comparison(
        "POST post with its event: rate beside naive without one",
        *(_CREATE, Turn(CREATE, NAIVE), _rate, 3, 5),
    ),
    Comparison(
        "Traefik: what it takes of the throughput", _POST, Turn(POST, DIRECT), _lost, 10, 5, " %"
    ),
)
