"""Limits in the real stack: behind the gateway, counted in Valkey, told to nobody's advantage."""

import time
from collections.abc import Iterator

import httpx
import pytest

from devstack.tour import Tour
from tests.e2e.platform import RECOVERING, Platform

FORGED = {"X-Forwarded-For": "203.0.113.7", "X-Real-Ip": "203.0.113.7", "Forwarded": "for=1.2.3.4"}


@pytest.fixture
def api(platform: Platform) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{platform.gateway_url}/api/v1/auth", timeout=10) as client:
        yield client


@pytest.fixture
def tour(platform: Platform) -> Iterator[Tour]:
    """An author and a reader who have logged in."""
    with platform.tour() as tour:
        for step in tour.steps[:4]:
            step()
        yield tour


def test_who_guesses_a_password_is_made_to_wait(api: httpx.Client, tour: Tour) -> None:
    credentials = tour.author.credentials | {"password": "not the password at all"}
    # Four of anywhere's turns, as the tour tried one before the address was verified, and five of
    # the network in which the author has logged in.
    answers = [api.post("/login", json=credentials) for _ in range(10)]
    assert [answer.status_code for answer in answers] == [401] * 9 + [429]
    assert answers[-1].json()["code"] == "auth.too_many_attempts"
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 600
    assert api.post("/login", json=tour.reader.credentials).status_code == 200


def test_limits_are_counted_in_the_cache(platform: Platform, api: httpx.Client) -> None:
    metrics = f"http://127.0.0.1:{platform.process('auth-app')['port']}/metrics"
    deadline = time.monotonic() + RECOVERING.event_seconds
    while True:
        # Whoever has broken Redis before, the next request but one finds it again.
        assert api.post("/refresh", json={"refresh_token": "x"}).status_code == 401
        if "colonnade_limits_local 0.0" in httpx.get(metrics).text:
            return
        assert time.monotonic() < deadline, "limits are counted by each process"
        time.sleep(0.2)


def test_nobody_is_believed_who_says_to_be_elsewhere(api: httpx.Client, tour: Tour) -> None:
    tokens = api.post("/login", json=tour.reader.credentials, headers=FORGED).json()
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    newest = api.get("/sessions", headers=headers).json()["items"][0]
    assert (newest["current"], newest["network"]) == (True, "127.0.0.0/24")
