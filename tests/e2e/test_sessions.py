"""A session that has ended has ended everywhere, whatever happens to Redis."""

import json
import time
from collections.abc import Callable, Mapping

import httpx
import pytest

from devstack.catalog import find_root, load_catalog
from devstack.tour import Tour
from tests.e2e.platform import Platform

# DESIGN 4 promises 5 s; a frozen Redis costs a time-out on top until it is skipped, and the tests
# before may have left processes that have only just come back.
EVERYWHERE_SECONDS = 15
KNOWN_PATHS = {
    "auth": "/api/v1/auth/sessions",
    "users": "/api/v1/users/me",
    "posts": "/api/v1/feed",
    "notifier": "/api/v1/notifications",
}


def own_path(service: str) -> str | None:
    """Where somebody reads what is theirs: a GET that takes a token and nothing else."""
    document = json.loads((find_root() / "services" / service / "openapi.json").read_text())
    for path, methods in document["paths"].items():
        if "{" not in path and {"user": []} in methods.get("get", {}).get("security", []):
            return str(path)
    return None


PATHS = {each.name: path for each in load_catalog() if (path := own_path(each.name))} | KNOWN_PATHS


def statuses(platform: Platform, headers: Mapping[str, str]) -> dict[str, int]:
    """What each service answers to a token."""
    with httpx.Client(base_url=platform.gateway_url, headers=dict(headers)) as client:
        return {service: client.get(path).status_code for service, path in PATHS.items()}


def eventually(probe: Callable[[], bool]) -> float:
    """Wait for something to become true; the seconds that it took."""
    started = time.monotonic()
    while not probe():
        assert time.monotonic() - started < EVERYWHERE_SECONDS
        time.sleep(0.1)
    return time.monotonic() - started


def log_in(tour: Tour) -> None:
    for step in (tour.register, tour.receive_mails, tour.verify, tour.log_in):
        step()


@pytest.mark.parametrize("redis", ["runs", "is frozen"])
def test_a_logout_counts_in_every_service(
    platform: Platform, redis: str, record_property: Callable[[str, object], None]
) -> None:
    with platform.tour() as tour:
        log_in(tour)
        headers, others = tour.author.headers, tour.reader.headers
        assert set(statuses(platform, headers).values()) == {200}

        def log_out() -> float:
            body = {"refresh_token": tour.author.refresh_token}
            url = f"{platform.gateway_url}/api/v1/auth/logout"
            assert httpx.post(url, json=body).status_code == 204
            return eventually(lambda: set(statuses(platform, headers).values()) == {401})

        if redis == "runs":
            record_property("seconds", log_out())
        else:
            with platform.frozen("valkey"):
                record_property("seconds", log_out())
        assert set(statuses(platform, others).values()) == {200}
