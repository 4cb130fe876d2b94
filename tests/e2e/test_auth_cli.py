"""An operator of a real stack makes the first admin, who then looks after accounts."""

import os
import subprocess
import sys

import httpx

from devstack.tour import Tour
from tests.e2e.platform import Platform

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
