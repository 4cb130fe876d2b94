"""Before anything is measured: everybody answers what is right, and the same as the others."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bench.routes.data import COMMENTS_EACH
from bench.routes.requests import PAGE, Request, Requests

_SAMPLES: Final = 5
_HELD: Final = 200
# Numbers that no load comes to.
_FIRST_NUMBER: Final = 99_000_000
# What differs from one new post to the next.
_OF_ITS_OWN: Final = {"id", "created_at", "updated_at", "published_at"}


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content(self) -> Any:
        return json.loads(self.body)


type Ask = Callable[[Request], Awaitable[Answer]]
type Forget = Callable[[], Awaitable[None]]


class AnswersDiffer(Exception):
    """Somebody does not answer what the others do: what they take for it is no comparison."""


async def check(ours: Ask, rivals: Mapping[str, Ask], requests: Requests, forget: Forget) -> None:
    """Compare the answers of all contenders to some requests of each kind.

    Args:
        ours: Sends a request to the service.
        rivals: The same for the references.
        requests: Makes the requests.
        forget: Deletes what writers have written.

    Raises:
        AnswersDiffer: See there.
    """
    await _check_lists(ours, requests)
    for asked in requests.post()[:_SAMPLES]:
        found = await _content(ours, Request(asked.path))
        _compare("Colonnade without a token", asked, await _content(ours, asked), found)
    for name, rival in rivals.items():
        for request in (*requests.post()[:_SAMPLES], *requests.author()[:_SAMPLES]):
            _compare(name, request, await _content(ours, request), await _content(rival, request))
        for number, request in enumerate(requests.create()[:_SAMPLES], _FIRST_NUMBER):
            numbered = request.numbered(number)
            expected = await _created(ours, numbered, forget)
            _compare(name, numbered, expected, await _created(rival, numbered, forget))


async def learn_tags(ours: Ask, requests: Requests) -> None:
    """Learn the entity tags of some posts, whose answer to who holds them must be 304.

    Raises:
        AnswersDiffer: See there.
    """
    for request in requests.anonymous()[:_HELD]:
        requests.tags[request.path] = (await ours(request)).headers["etag"]
    for request in requests.not_modified()[:_SAMPLES]:
        answer = await ours(request)
        if (answer.status, answer.body) != (304, b""):
            raise AnswersDiffer(f"{request.path} with its tag: {answer}")


async def _check_lists(ours: Ask, requests: Requests) -> None:
    pages = {
        "a list": (requests.author(), PAGE),
        "a feed": (requests.feed(), PAGE),
        "comments": (requests.comments(), COMMENTS_EACH),
    }
    for what, (asked, length) in pages.items():
        # Each of the few authors that are listed, and as many of the others.
        for request in asked[: requests.listed]:
            page = await _content(ours, request)
            if len(page["items"]) != length:
                raise AnswersDiffer(f"{what} of {len(page['items'])} at {request.path}")


async def _content(ask: Ask, request: Request) -> Any:
    answer = await ask(request)
    expected = 201 if request.body else 200
    if answer.status != expected:
        raise AnswersDiffer(f"{request.method} {request.path}: {answer}")
    return answer.content


async def _created(ask: Ask, request: Request, forget: Forget) -> dict[str, Any]:
    post = await _content(ask, request)
    await forget()
    return {name: value for name, value in post.items() if name not in _OF_ITS_OWN}


def _compare(name: str, request: Request, expected: Any, found: Any) -> None:
    if found != expected:
        told = f"{name} does not answer {request.method} {request.path} as Colonnade does"
        raise AnswersDiffer(f"{told}:\n{json.dumps(found)}\n{json.dumps(expected)}")
