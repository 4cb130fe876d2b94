"""What users says of two people shows in posts: a follow fills a feed, a block empties it."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from devstack.tour import Tour
from tests.e2e.platform import RECOVERING, Platform


@pytest.fixture
def api(platform: Platform) -> Any:
    with httpx.Client(base_url=f"{platform.gateway_url}/api/v1", timeout=10) as client:
        yield client


def eventually(holds: Callable[[], bool], what: str) -> None:
    """Wait for an event to take effect."""
    deadline = time.monotonic() + RECOVERING.event_seconds
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@pytest.fixture
def tour(platform: Platform) -> Any:
    """An author with a post, and a reader who follows them."""
    with platform.tour() as tour:
        for step in tour.steps[:7]:
            step()
        yield tour


def test_a_follow_fills_the_feed_and_a_block_empties_it(api: httpx.Client, tour: Tour) -> None:
    reader, author = tour.reader.headers, tour.author.headers
    comments = f"/posts/{tour.post['id']}/comments"

    def feed() -> list[str]:
        answer = api.get("/feed", headers=reader)
        assert answer.status_code == 200
        return [item["id"] for item in answer.json()["items"]]

    eventually(lambda: feed() == [tour.post["id"]], "the post in the feed")
    said = api.post(comments, json={"body": "They *do*."}, headers=reader)
    assert said.status_code == 201
    assert api.get(comments).json()["items"] == [said.json()]

    blocked = api.put(f"/users/{tour.reader.username}/block", headers=author)
    assert blocked.status_code == 204
    eventually(lambda: feed() == [], "an empty feed")
    refused = [
        api.post(comments, json={"body": "Still."}, headers=reader),
        api.put(f"/users/{tour.author.username}/follow", headers=reader),
    ]
    assert [answer.status_code for answer in refused] == [403, 403]
    assert api.get(comments, headers=author).json()["items"] == []
    assert len(api.get(comments).json()["items"]) == 1
