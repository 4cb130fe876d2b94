"""A personal access token works everywhere at once, and nowhere once revoked, Redis or not."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import httpx
import pytest

from common.personal_keys.format import new_key
from devstack.tour import Tour
from tests.e2e.platform import Platform
from tests.e2e.test_sessions import PATHS, eventually, log_in, statuses

KEYS = "/api/v1/auth/keys"
SCOPES = [f"{service}:read" for service in PATHS]
# Of auth none takes one: there it is for the people of the platform, who have roles.
SERVICES = PATHS.keys() - {"auth"}
REFUSED = dict.fromkeys(PATHS, 401)


@pytest.fixture
def tour(platform: Platform) -> Iterator[Tour]:
    """Two people who have logged in."""
    with platform.tour() as tour:
        log_in(tour)
        yield tour


def issue(platform: Platform, tour: Tour) -> tuple[dict[str, Any], dict[str, str]]:
    """A token of the author, and the header that carries it."""
    body = {"name": "Nightly build", "scopes": SCOPES}
    url = platform.gateway_url + KEYS
    answer = httpx.post(url, json=body, headers=tour.author.headers, timeout=10)
    assert answer.status_code == 201, answer.text
    key: dict[str, Any] = answer.json()
    return key, {"Authorization": f"Bearer {key['token']}"}


def revoke(platform: Platform, tour: Tour, key: dict[str, Any]) -> None:
    url = f"{platform.gateway_url}{KEYS}/{key['id']}"
    assert httpx.delete(url, headers=tour.author.headers, timeout=10).status_code == 204


def taken(answers: dict[str, int]) -> bool:
    """Whether every service took a token; auth's route knows it, and asks for a session."""
    return answers == {**dict.fromkeys(SERVICES, 200), "auth": 403}


@contextmanager
def stopped_workers(platform: Platform) -> Iterator[None]:
    """Keep every copy from hearing of anything."""
    pids = [platform.process(f"{service}-worker")["pid"] for service in sorted(SERVICES)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("redis", ["runs", "is frozen"])
def test_a_revoked_token_is_refused_by_every_service(
    platform: Platform, tour: Tour, redis: str, record_property: Callable[[str, object], None]
) -> None:
    with platform.frozen("valkey") if redis == "is frozen" else nullcontext():
        key, headers = issue(platform, tour)
        other, others = issue(platform, tour)
        assert taken(statuses(platform, headers))
        assert taken(statuses(platform, others))
        revoke(platform, tour, key)
        record_property("seconds", eventually(lambda: statuses(platform, headers) == REFUSED))
        assert taken(statuses(platform, others))
        revoke(platform, tour, other)


def test_a_token_works_before_any_copy_has_heard_of_it(platform: Platform, tour: Tour) -> None:
    with stopped_workers(platform):
        _, headers = issue(platform, tour)
        assert taken(statuses(platform, headers))
        unknown = {"Authorization": f"Bearer {new_key()}"}
        assert statuses(platform, unknown) == REFUSED


def test_a_token_that_was_heard_of_needs_no_auth(platform: Platform, tour: Tour) -> None:
    _, headers = issue(platform, tour)
    _, unused = issue(platform, tour)
    assert taken(statuses(platform, headers))
    url = f"{platform.gateway_url}{PATHS['posts']}"
    with platform.frozen("auth-app"):

        def answered() -> bool:
            return httpx.get(url, headers=unused, timeout=10).status_code == 200

        eventually(answered)
        assert httpx.get(url, headers=headers, timeout=10).status_code == 200


def test_the_owner_is_told_by_mail(platform: Platform, tour: Tour) -> None:
    _, headers = issue(platform, tour)
    assert taken(statuses(platform, headers))

    def told() -> bool:
        with httpx.Client(base_url=platform.mailbox_url, timeout=10) as mailbox:
            listing = mailbox.get("/api/v1/messages", params={"limit": 200}).json()
        own = [each["Subject"] for each in listing["messages"] if tour.author.email in str(each)]
        return "A personal access token was issued" in own

    eventually(told)
