"""The running platform as the tests of faults see it: its addresses, its processes, its Redis."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis

from devstack.control import Stack
from devstack.settings import StackSettings
from devstack.tour import Patience, Tour

RECOVERY_SECONDS = 60
# What a calm platform keeps, and what one keeps that some other test has just broken: the tests
# run in any order on one stack.
PROMISED = Patience()
RECOVERING = Patience(mail_seconds=20, event_seconds=10)


class Platform:
    """A stack that is up."""

    def __init__(self, stack: Stack, settings: StackSettings) -> None:
        self.stack = stack
        self.settings = settings
        self.gateway_url = settings.gateway_url
        self.mailbox_url = settings.mailbox_url

    def tour(self, patience: Patience = RECOVERING) -> Tour:
        """A new tour, by two people whom nobody knows yet."""
        return Tour(self.gateway_url, self.mailbox_url, patience)

    def process(self, name: str) -> dict[str, Any]:
        """What the state file says of a process."""
        processes = {each["name"]: each for each in self.stack.board()["processes"]}
        found: dict[str, Any] = processes[name]
        return found

    def kill(self, name: str) -> None:
        """Kill a process with SIGKILL and wait until it is ready again, on the same port."""
        before = self.process(name)
        os.kill(before["pid"], signal.SIGKILL)
        self.wait_for_restart(name, before)
        assert self.process(name)["port"] == before["port"]

    def wait_for_restart(self, name: str, before: dict[str, Any]) -> None:
        deadline = time.monotonic() + RECOVERY_SECONDS
        while time.monotonic() < deadline:
            now = self.process(name)
            if now["pid"] != before["pid"] and now["state"] == "ready":
                return
            time.sleep(0.05)
        raise AssertionError(f"{name} did not come back: {self.process(name)}")

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """Stop a process as SIGSTOP does: it holds its connections and answers nothing."""
        pid = self.process(name)["pid"]
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def flush_redis(self) -> None:
        """Forget everything in every database of Redis."""
        with redis.Redis.from_url(self.process("valkey")["url"]) as client:
            client.flushall()
