"""An operator of a real stack makes the first admin, who then looks after accounts."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

import httpx
import pytest

from devstack.tour import Tour
from tests.e2e.platform import Platform
from tests.e2e.test_sessions import eventually, log_in, statuses

ACCOUNTS = "/api/v1/auth/admin/accounts"


def operate(platform: Platform, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run what `make auth` runs."""
    environment = os.environ | {"COLONNADE_STATE": str(platform.stack.layout.folder)}
    command = [sys.executable, "-m", "devstack", "auth", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def accounts(platform: Platform, tour: Tour) -> httpx.Response:
    """What the author learns about the reader's account."""
    params = {"query": tour.reader.email}
    url = f"{platform.gateway_url}{ACCOUNTS}"
    return httpx.get(url, params=params, headers=tour.author.headers)


def test_the_first_admin_is_made_at_the_command_line(platform: Platform) -> None:
    with platform.tour() as tour:
        for step in (tour.register, tour.receive_mails, tour.verify, tour.log_in):
            step()
        email = tour.author.email
        assert accounts(platform, tour).status_code == 403
        done = operate(platform, "grant", email, "admin", "--reason", "the first")
        assert (done.returncode, done.stdout) == (0, f"{email} is admin from the next login on.\n")
        tour.log_in()
        [found] = accounts(platform, tour).json()["items"]
        assert (found["username"], found["roles"]) == (tour.reader.username, [])
        assert operate(platform, "withdraw", email, "admin").returncode == 0
        assert operate(platform, "accounts", tour.reader.username).stdout.count("verified") == 1
        assert operate(platform, "disable", "nobody@example.com").returncode == 2
        told = operate(platform, "audit", "--account", email, "--action", "role_granted").stdout
        assert "role=admin" in told
        verified = operate(platform, "audit", "verify")
        assert verified.stdout.startswith("The chain holds:")
        assert verified.returncode == 0


@pytest.mark.parametrize("redis", ["runs", "is frozen"])
def test_a_role_counts_in_every_service_and_so_does_its_end(
    platform: Platform, redis: str, record_property: Callable[[str, object], None]
) -> None:
    with platform.tour() as tour:
        log_in(tour)
        email = tour.author.email
        with platform.frozen("valkey") if redis == "is frozen" else nullcontext():
            for command, allowed in (("grant", 200), ("withdraw", 403)):
                # A token tells the roles that its owner had when it was signed.
                former = tour.author.headers
                assert operate(platform, command, email, "support").returncode == 0
                seconds = eventually(partial(refused_everywhere, platform, former))
                record_property(command, seconds)
                tour.log_in()
                assert accounts(platform, tour).status_code == allowed


def refused_everywhere(platform: Platform, headers: dict[str, str]) -> bool:
    return set(statuses(platform, headers).values()) == {401}


def test_an_operator_revokes_the_tokens_of_an_account(platform: Platform) -> None:
    with platform.tour() as tour:
        log_in(tour)
        url, email = f"{platform.gateway_url}/api/v1/auth/keys", tour.author.email
        body = {"name": "Nightly build", "scopes": ["posts:read"]}
        issued = httpx.post(url, json=body, headers=tour.author.headers).json()
        listed = operate(platform, "tokens", email, "--json")
        assert [each["id"] for each in json.loads(listed.stdout)] == [issued["id"]]
        assert "Nightly build" in operate(platform, "tokens", email).stdout
        headers = {"Authorization": f"Bearer {issued['token']}"}
        feed = f"{platform.gateway_url}/api/v1/feed"
        assert httpx.get(feed, headers=headers).status_code == 200
        done = operate(platform, "revoke-tokens", email, "--all", "--reason", "leaked")
        assert (done.returncode, done.stdout) == (0, f"Revoked of {email}: 1.\n")
        eventually(lambda: httpx.get(feed, headers=headers).status_code == 401)
