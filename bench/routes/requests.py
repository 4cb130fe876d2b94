"""What the load asks for: prepared requests, the same ones of every contender."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from bench.routes import data
from bench.routes.data import Shape
from bench.routes.load import NUMBERED

POSTS: Final = "/api/v1/posts"
_TARGETS: Final = 400
PAGE: Final = 20

type Token = Callable[[UUID, str], str]


@dataclass(frozen=True, slots=True)
class Request:
    """A request over a connection that stays open."""

    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""

    @property
    def method(self) -> str:
        return "POST" if self.body else "GET"

    @property
    def all_headers(self) -> Mapping[str, str]:
        """Return what any client has to send."""
        return {**self.headers, "Content-Type": "application/json"} if self.body else self.headers

    def encode(self) -> bytes:
        """Return what goes over the wire."""
        headers = {"Host": "localhost", **self.all_headers}
        if self.body:
            headers["Content-Length"] = str(len(self.body.encode()))
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
        return "\r\n".join((*lines, "", self.body)).encode()

    def numbered(self, number: int) -> "Request":
        """Return it with a number in its place."""
        own = self.body.replace(NUMBERED, f"{number:0{len(NUMBERED)}}")
        return Request(self.path, self.headers, own)


class Requests:
    """Makes the requests of each scenario for a number of posts.

    Args:
        shape: How many people there are.
        token: Signs the token of a person.
        posts: How many posts there are.
        listed: How many authors are listed: those who wrote most, each more than a page.
    """

    def __init__(self, shape: Shape, token: Token, posts: int, listed: int = 24) -> None:
        chance = random.Random(posts)  # noqa: S311 — the same requests in every run.
        some = chance.sample(range(posts), min(2 * _TARGETS, posts))
        self._published = [number for number in some if data.is_published(number)][:_TARGETS]
        commented = range(0, posts, data.COMMENTED)
        self._commented = chance.sample(commented, min(_TARGETS, len(commented)))
        readers = range(shape.first_reader, shape.authors)
        self._readers = [_bearer(token, number) for number in readers]
        writers = range(shape.first_writer, shape.first_writer + shape.writers)
        self._writers = [_bearer(token, number) for number in writers]
        self.listed = listed
        self.tags: dict[str, str] = {}

    def post(self) -> list[Request]:
        """Posts by id, each asked for by a reader."""
        return [
            Request(f"{POSTS}/{data.post_id(number)}", self._reader(place))
            for place, number in enumerate(self._published)
        ]

    def anonymous(self) -> list[Request]:
        """Posts by id, without a token."""
        return [Request(f"{POSTS}/{data.post_id(number)}") for number in self._published]

    def not_modified(self) -> list[Request]:
        """Posts by id, without a token, for who holds them already: `tags` are by path."""
        return [Request(path, {"If-None-Match": tag}) for path, tag in self.tags.items()]

    def author(self) -> list[Request]:
        """The first page of the list of an author's posts."""
        pages = [f"{POSTS}?author={data.username(n)}&limit={PAGE}" for n in range(self.listed)]
        return [
            Request(pages[place % self.listed], self._reader(place)) for place in range(_TARGETS)
        ]

    def feed(self) -> list[Request]:
        """The first page of the feeds of some readers."""
        path = f"/api/v1/feed?limit={PAGE}"
        return [Request(path, headers) for headers in self._readers[:_TARGETS]]

    def comments(self) -> list[Request]:
        """All comments of posts that have some."""
        limit = data.COMMENTS_EACH
        return [
            Request(f"{POSTS}/{data.post_id(n)}/comments?limit={limit}", self._reader(place))
            for place, n in enumerate(self._commented)
        ]

    def create(self) -> list[Request]:
        """New posts, published at once, of people whom nobody follows."""
        return [
            Request(POSTS, headers, json.dumps(_written(place)))
            for place, headers in enumerate(self._writers)
        ]

    def _reader(self, place: int) -> Mapping[str, str]:
        return self._readers[place % len(self._readers)]


def _bearer(token: Token, number: int) -> dict[str, str]:
    signed = token(data.person_id(number), data.username(number))
    return {"Authorization": f"Bearer {signed}"}


def _written(place: int) -> dict[str, Any]:
    return {
        "title": f"Notes of the day {NUMBERED}",
        "body": data.body(place % data.TEXTS),
        "tags": ["Notes", data.TOPICS[place % len(data.TOPICS)]],
        "status": "published",
    }
