"""Signing keys change under a running platform, whatever happens to Redis."""

import json
from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext

import httpx
import pytest

from common.testing.keys import bearer
from devstack.tour import Person
from tests.e2e.platform import Platform
from tests.e2e.test_auth_cli import operate
from tests.e2e.test_sessions import eventually, log_in, statuses

# Once the key has changed, every service is asked some more times.
MORE_ROUNDS = 20
both = pytest.mark.parametrize("redis", ["runs", "is frozen"])


def state_of(platform: Platform, redis: str) -> AbstractContextManager[None]:
    return nullcontext() if redis == "runs" else platform.frozen("valkey")


def signer_of(headers: Mapping[str, str]) -> str:
    """The id of the key that signed a token."""
    encoded = headers["Authorization"].removeprefix("Bearer ").split(".")[0]
    kid: str = json.loads(urlsafe_b64decode(encoded + "=="))["kid"]
    return kid


def refresh(platform: Platform, person: Person) -> None:
    url = f"{platform.gateway_url}/api/v1/auth/refresh"
    answer = httpx.post(url, json={"refresh_token": person.refresh_token})
    assert answer.status_code == 200, answer.text
    tokens = answer.json()
    person.refresh_token, person.headers = tokens["refresh_token"], bearer(tokens["access_token"])


@both
def test_no_valid_token_is_refused_while_the_key_changes(
    platform: Platform, redis: str, record_property: Callable[[str, object], None]
) -> None:
    with platform.tour() as tour:
        log_in(tour)
        answers: Counter[int] = Counter()
        former = signer_of(tour.author.headers)

        def has_changed() -> bool:
            refresh(platform, tour.reader)
            for headers in (tour.author.headers, tour.reader.headers):
                answers.update(statuses(platform, headers).values())
            return signer_of(tour.reader.headers) != former

        with state_of(platform, redis):
            assert operate(platform, "rotate-keys", "--reason", "a test").returncode == 0
            record_property("seconds", eventually(has_changed))
            for _ in range(MORE_ROUNDS):
                assert has_changed()
        record_property("answers", dict(answers))
        assert set(answers) == {200}


@both
def test_what_a_leaked_key_signed_is_refused_by_every_service(
    platform: Platform, redis: str, record_property: Callable[[str, object], None]
) -> None:
    with platform.tour() as tour:
        log_in(tour)
        stolen = tour.author.headers
        assert set(statuses(platform, stolen).values()) == {200}
        with state_of(platform, redis):
            assert operate(platform, "revoke-key", signer_of(stolen)).returncode == 0
            refused = {401}
            seconds = eventually(lambda: set(statuses(platform, stolen).values()) == refused)
            record_property("seconds", seconds)
            refresh(platform, tour.reader)
            assert set(statuses(platform, tour.reader.headers).values()) == {200}
