"""What is measured: the routes, who answers them, and in which turns."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from bench.routes.requests import Request, Requests
from bench.routes.stage import DIRECT, LIMIT, NAIVE, OURS

CONNECTIONS: Final = 32


@dataclass(frozen=True, slots=True)
class Scenario:
    """A route and the requests to it."""

    title: str
    requests: Callable[[Requests], list[Request]]
    status: int = 200

    @property
    def reads(self) -> bool:
        return self is not CREATE


@dataclass(frozen=True, slots=True)
class Turn:
    """One contender under the load of one route."""

    scenario: Scenario
    contender: str

    @property
    def name(self) -> str:
        """Return what a line says that tells of it."""
        return f"{self.scenario.title}, {self.contender}"


POST: Final = Scenario("GET post", Requests.post)
ANONYMOUS: Final = Scenario("GET post, anonymous", Requests.anonymous)
NOT_MODIFIED: Final = Scenario("GET post, 304", Requests.not_modified, 304)
LIST: Final = Scenario("list of an author", Requests.author)
FEED: Final = Scenario("home feed", Requests.feed)
COMMENTS: Final = Scenario("comments", Requests.comments)
CREATE: Final = Scenario("POST post", Requests.create, 201)
READS: Final = (POST, ANONYMOUS, NOT_MODIFIED, LIST, FEED, COMMENTS)

TRAEFIK: Final = "traefik"
GROWTH: Final = "growth"
MEMORY: Final = "memory"
START: Final = "start"
# By the name that `--only` takes: the turns that its figures are made of.
GROUPS: Final = {
    "post": (Turn(POST, OURS), Turn(POST, NAIVE), Turn(POST, LIMIT)),
    "anonymous": (Turn(POST, OURS), Turn(ANONYMOUS, OURS)),
    "not-modified": (Turn(ANONYMOUS, OURS), Turn(NOT_MODIFIED, OURS)),
    "list": (Turn(LIST, OURS), Turn(LIST, NAIVE), Turn(LIST, LIMIT)),
    "feed": (Turn(LIST, OURS), Turn(FEED, OURS)),
    "comments": (Turn(LIST, OURS), Turn(COMMENTS, OURS)),
    "create": (Turn(CREATE, OURS), Turn(CREATE, NAIVE), Turn(CREATE, LIMIT)),
    TRAEFIK: (Turn(POST, OURS), Turn(POST, DIRECT)),
}
NAMES: Final = (*GROUPS, GROWTH, MEMORY, START)


def turns_of(names: tuple[str, ...], round_number: int) -> Iterator[Turn]:
    """Yield the turns of a round, each once; every round begins a group with another contender."""
    turns: dict[Turn, None] = {}
    for name, group in GROUPS.items():
        if name in names:
            first = round_number % len(group)
            turns |= dict.fromkeys((*group[first:], *group[:first]))
    yield from turns
