"""While auth answers nothing, whoever has a token is served, and services go on with each other.

What depends on time without auth is measured by the drill `auth_away` of `make chaos`: it lasts
longer than each of these times. Here is what depends on none.
"""

from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from devstack.tour import Tour
from tests.e2e.platform import Platform
from tests.e2e.test_sessions import PATHS, eventually, log_in, statuses

OTHERS = [service for service in PATHS if service != "auth"]


@pytest.fixture
def tour(platform: Platform) -> Iterator[Tour]:
    """Two people who have logged in, of whom every service has heard."""
    with platform.tour() as tour:
        log_in(tour)
        for person in (tour.author, tour.reader):
            assert set(statuses(platform, person.headers).values()) == {200}
        yield tour


def served(platform: Platform, tour: Tour) -> bool:
    """Whether the services besides auth take the tokens of both."""
    with httpx.Client(base_url=platform.gateway_url, timeout=20) as client:
        answers = [
            client.get(PATHS[service], headers=person.headers)
            for service in OTHERS
            for person in (tour.author, tour.reader)
        ]
    return {answer.status_code for answer in answers} == {200}


@pytest.mark.parametrize("redis", ["runs", "is frozen"])
def test_valid_tokens_count_and_events_flow_while_auth_is_away(
    platform: Platform, tour: Tour, redis: str
) -> None:
    tour.describe_oneself()
    with ExitStack() as frozen:
        for part in ("auth-app", "auth-worker"):
            frozen.enter_context(platform.frozen(part))
        if redis == "is frozen":
            # Now services ask each other for events, by tokens that each signs itself.
            frozen.enter_context(platform.frozen("valkey"))
        assert served(platform, tour)
        for step in (tour.follow, tour.publish, tour.read, tour.rename, tour.be_notified):
            step()
        assert served(platform, tour)
    eventually(lambda: set(statuses(platform, tour.author.headers).values()) == {200})


@pytest.mark.parametrize("service", OTHERS)
def test_a_service_that_starts_while_auth_is_away_knows_the_keys(
    platform: Platform, tour: Tour, service: str
) -> None:
    with platform.frozen("auth-app"):
        platform.kill(f"{service}-app")
        eventually(lambda: served(platform, tour))
