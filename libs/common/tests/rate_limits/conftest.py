"""A Redis of its own for each test that stops it, and limiters that count there."""

import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from pydantic import SecretStr

from common.rate_limits.limiter import Limiter, open_limiter
from common.settings import LimitSettings
from devstack.fixtures import ValkeyDatabase
from devstack.processes import free_port, wait_until
from devstack.valkey import Valkey, passwords_for_tests


class Server:
    """A server that comes and goes at one address."""

    def __init__(self, directory: Path) -> None:
        self._valkey = Valkey(directory, free_port(), passwords_for_tests(["auth"]))
        self._valkey.write_configuration()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self._valkey.url("auth")

    def start(self) -> None:
        self._process = subprocess.Popen(self._valkey.command, stdout=subprocess.DEVNULL)
        wait_until(self._valkey.is_ready, seconds=10, what="Valkey answers")

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server that runs."""
    made = Server(tmp_path / "valkey")
    made.start()
    yield made
    made.stop()


class Replicas:
    """Opens the limiters of a service's processes."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack

    async def open(self, url: str | None, *, wait_seconds: float = 5) -> Limiter:
        settings = LimitSettings(
            cache_url=SecretStr(url) if url else None, cache_wait_seconds=wait_seconds
        )
        return await self._stack.enter_async_context(open_limiter("auth", settings))


@pytest_asyncio.fixture
async def replicas() -> AsyncIterator[Replicas]:
    """What opens limiters; they are closed at the end."""
    async with AsyncExitStack() as stack:
        yield Replicas(stack)


@pytest_asyncio.fixture(params=["shared", "local"])
async def limiter(
    request: pytest.FixtureRequest, replicas: Replicas, valkey_database: ValkeyDatabase
) -> AsyncIterator[Limiter]:
    """A limiter, whichever place it counts in."""
    shared = request.param == "shared"
    yield await replicas.open(valkey_database.cache_url("auth") if shared else None)
    valkey_database.flush()
