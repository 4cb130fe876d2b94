"""The load of a drill: writes through the gateway, each unique, and what was acknowledged of them.

What the gateway answered with 2xx must never be lost. What got another answer, or none, may or may
not have happened.
"""

import asyncio
import itertools
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from random import Random
from typing import Any, Final

import httpx

from devstack.tour import Person
from tests.chaos.harness.world import World
from tests.chaos.tally import POISON

# Longer than any deadline of the services, which is 10 s.
TIMEOUT_SECONDS: Final = 20.0
POSTS_PER_SECOND: Final = 100.0
NAMES_PER_SECOND: Final = 12.0
FOLLOWS_PER_SECOND: Final = 8.0
ACCOUNTS_PER_SECOND: Final = 0.5
DELETIONS_PER_SECOND: Final = 1.0
# So many poisoned posts are left as they are.
DELETIONS_BEHIND: Final = 3
# At 100 posts a second each of them may wait a quarter of a second for its answer.
POSTERS: Final = 24
WARM_UP_SECONDS: Final = 1.5
_ANSWERED = 200
_REFUSED = 400
_FAILED = 500
# After a fault, more than that would be a storm of its own.
MADE_UP_SECONDS: Final = 1.0
PROBLEM: Final = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `at` is the time of its end, since the epoch; status 0: there was no answer."""

    kind: str
    at: float
    seconds: float
    status: int

    @property
    def acknowledged(self) -> bool:
        return _ANSWERED <= self.status < _REFUSED

    @property
    def failed(self) -> bool:
        return self.status == 0 or self.status >= _FAILED


@dataclass(slots=True)
class Attempt:
    """A value that was sent, and whether it was acknowledged."""

    value: str
    acknowledged: bool


@dataclass(slots=True)
class Record:
    """Everything that was sent: posts and accounts by id, the rest in order of one writer each.

    `poisoned` are the posts whose title says so, with their authors.
    """

    requests: list[Request] = field(default_factory=list)
    posts: dict[str, float] = field(default_factory=dict)
    poisoned: dict[str, Person] = field(default_factory=dict)
    accounts: set[str] = field(default_factory=set)
    names: dict[str, list[Attempt]] = field(default_factory=lambda: defaultdict(list))
    follows: dict[tuple[str, str], list[Attempt]] = field(default_factory=lambda: defaultdict(list))

    @property
    def acknowledged(self) -> int:
        return sum(request.acknowledged for request in self.requests)

    def failures(self, since: float = 0.0, until: float = float("inf")) -> list[Request]:
        """The requests that ended in a time with 5xx or without an answer."""
        return [each for each in self.requests if each.failed and since <= each.at < until]

    def refusals(self) -> list[Request]:
        """The requests that were answered with 4xx: the load itself is wrong."""
        return [each for each in self.requests if _REFUSED <= each.status < _FAILED]

    @property
    def slowest(self) -> float:
        """The longest that a request took."""
        return max((request.seconds for request in self.requests), default=0.0)

    @property
    def rate(self) -> float:
        """Acknowledged writes a second, while nothing failed and all else that happened."""
        times = [request.at for request in self.requests]
        return self.acknowledged / max(1.0, max(times, default=0) - min(times, default=0))


class Pace:
    """Lets turns pass at a rate; those missed lately are made up for, so that the rate is kept."""

    def __init__(self, rate: float) -> None:
        self._gap = 1 / rate
        self._next = asyncio.get_running_loop().time()

    async def turn(self) -> None:
        """Wait for the next turn."""
        now = asyncio.get_running_loop().time()
        turn = max(self._next, now - MADE_UP_SECONDS)
        self._next = turn + self._gap
        await asyncio.sleep(turn - now)


class Load:
    """Writes until it is told to stop.

    Args:
        world: Where to.
        random: What decides who writes what.
        record: What comes of it.
        poison: The share of posts whose title says so.
        posts_per_second: How many posts are tried.
    """

    def __init__(
        self,
        world: World,
        random: Random,
        record: Record,
        *,
        poison: float = 0.0,
        posts_per_second: float = POSTS_PER_SECOND,
    ) -> None:
        self.record = record
        self._posts_per_second = posts_per_second
        self._world = world
        self._random = random
        self._poison = poison
        self._client = httpx.AsyncClient(
            base_url=world.gateway_url, timeout=TIMEOUT_SECONDS, trust_env=False
        )
        self._numbers = itertools.count()
        self._run = f"{random.getrandbits(48):x}"
        self._ending = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Record]:
        """Write during the block; every request has ended when it is left."""
        async with self._client, asyncio.TaskGroup() as group:
            await asyncio.gather(*(self._log_in(person) for person in self._world.people))
            for writer in self._writers():
                group.create_task(writer)
            try:
                await asyncio.sleep(WARM_UP_SECONDS)
                yield self.record
            finally:
                self._ending.set()

    async def _log_in(self, person: Person) -> None:
        answer = await self._client.post("/api/v1/auth/login", json=person.credentials)
        answer.raise_for_status()
        person.headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def _writers(self) -> list[Any]:
        people = self._world.people
        posting, naming = Pace(self._posts_per_second), Pace(NAMES_PER_SECOND)
        following, joining = Pace(FOLLOWS_PER_SECOND), Pace(ACCOUNTS_PER_SECOND)
        pairs = list(zip(people, people[1:] + people[:1], strict=True))
        return [
            *(self._repeat(posting, self._publish) for _ in range(POSTERS)),
            *(self._repeat(naming, partial(self._rename, person)) for person in people),
            *(self._repeat(following, partial(self._toggle, *pair)) for pair in pairs),
            self._repeat(joining, self._register),
            self._repeat(Pace(DELETIONS_PER_SECOND), self._delete_poisoned),
        ]

    async def _repeat(self, pace: Pace, write: Callable[[], Awaitable[None]]) -> None:
        while not self._ending.is_set():
            await pace.turn()
            await write()

    async def _publish(self) -> None:
        word = POISON if self._random.random() < self._poison else "post"
        body = {"title": f"A {word} {self._unique()}", "body": "x", "tags": []}
        author = self._random.choice(self._world.people)
        answer = await self._send("POST", "/api/v1/posts", author, body | {"status": "published"})
        if answer is not None:
            post = answer.json()["id"]
            self.record.posts[post] = time.time()
            if word == POISON:
                self.record.poisoned[post] = author

    async def _delete_poisoned(self) -> None:
        """Delete a post whose publication failed somewhere: a second event of the same key."""
        left = [post for post in self.record.poisoned if post in self.record.posts]
        if len(left) > DELETIONS_BEHIND:
            del self.record.posts[left[0]]
            await self._send("DELETE", f"/api/v1/posts/{left[0]}", self.record.poisoned[left[0]])

    async def _rename(self, person: Person) -> None:
        attempt = Attempt(self._unique(), acknowledged=False)
        self.record.names[person.username].append(attempt)
        body = {"display_name": attempt.value}
        answer = await self._send("PATCH", "/api/v1/users/me", person, body)
        attempt.acknowledged = answer is not None

    async def _toggle(self, follower: Person, followee: Person) -> None:
        attempts = self.record.follows[follower.username, followee.username]
        method = "DELETE" if attempts and attempts[-1].value == "PUT" else "PUT"
        attempts.append(attempt := Attempt(method, acknowledged=False))
        path = f"/api/v1/users/{followee.username}/follow"
        attempt.acknowledged = await self._send(method, path, follower) is not None

    async def _register(self) -> None:
        person = Person("guest")
        body = person.credentials | {"username": person.username}
        if await self._send("POST", "/api/v1/auth/register", None, body) is not None:
            self.record.accounts.add(person.username)

    async def _send(
        self, method: str, path: str, person: Person | None, body: Any = None
    ) -> httpx.Response | None:
        """Send a request and record it; return the answer if it is an acknowledgement."""
        headers, began = person.headers if person else {}, time.time()
        answer: httpx.Response | None = None
        with suppress(httpx.HTTPError):  # No answer is an outcome, too.
            answer = await self._client.request(method, path, json=body, headers=headers)
        status = answer.status_code if answer is not None and not _is_lost(answer) else 0
        now = time.time()
        kind = f"{method} {path.split('/')[3]}"
        self.record.requests.append(request := Request(kind, now, now - began, status))
        return answer if request.acknowledged else None

    def _unique(self) -> str:
        return f"{self._run}-{next(self._numbers)}"


def _is_lost(answer: httpx.Response) -> bool:
    """Whether a gateway that has just started, and knows no routes yet, says that there is none."""
    return answer.status_code == HTTPStatus.NOT_FOUND and answer.headers["content-type"] != PROBLEM
