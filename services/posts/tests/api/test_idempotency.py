"""Writing a post under an `Idempotency-Key`: one post and one event, whatever is killed."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest

from common.clock import utc_now
from common.db.jwks_copy import store_jwks
from common.ids import new_id
from common.testing.apps import environment_of
from common.testing.keys import jwks
from devstack.fixtures import ServiceDatabase
from devstack.processes import free_port
from posts_service.resources import Resources
from posts_service.settings import Settings
from services.posts.tests.factories import POSTS, Person, draft, event_types, published, slugs

ADA = Person("ada")
WAITING = """
    SELECT count(*) FROM pg_locks
     WHERE NOT granted AND relation = 'idempotency_keys'::regclass
"""


@pytest.fixture
def headers() -> dict[str, str]:
    """Ada's, with a key that is new."""
    return ADA.headers | {"Idempotency-Key": str(new_id())}


async def test_a_post_that_is_sent_again_is_written_and_told_once(
    client: httpx.AsyncClient, resources: Resources, headers: dict[str, str]
) -> None:
    first = await client.post(POSTS, json=published(), headers=headers)
    again = await client.post(POSTS, json=published(), headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    for name in ("location", "etag", "cache-control", "content-type"):
        assert again.headers[name] == first.headers[name]
    assert (await slugs(resources), await event_types(resources)) == (
        ["on-compilers"],
        ["post_published"],
    )


async def test_the_key_of_another_post_is_refused(
    client: httpx.AsyncClient, resources: Resources, headers: dict[str, str]
) -> None:
    await client.post(POSTS, json=draft(), headers=headers)
    other = await client.post(POSTS, json=published(), headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "common.idempotency_key_reused")
    assert await event_types(resources) == []


async def test_fifty_at_once_write_one_post(
    client: httpx.AsyncClient, resources: Resources, headers: dict[str, str]
) -> None:
    sending = (client.post(POSTS, json=published(), headers=headers) for _ in range(50))
    answers = await asyncio.gather(*sending)
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses.keys() <= {201, 409}
    assert statuses[201] >= 1
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert len(await slugs(resources)) == len(await event_types(resources)) == 1


@pytest.mark.requirement("ASVS 2.3.3")
async def test_an_app_killed_between_effect_and_commit_leaves_nothing_and_the_retry_runs(
    *,
    client: httpx.AsyncClient,
    database: ServiceDatabase,
    resources: Resources,
    settings: Settings,
    headers: dict[str, str],
    tmp_path: Path,
) -> None:
    await store_jwks(resources.platform.database, jwks(), utc_now())
    async with (
        paused_before_commit(database) as owner,
        served(settings, tmp_path / "log") as (process, other),
    ):
        sent = asyncio.create_task(other.post(POSTS, json=published(), headers=headers))
        async with asyncio.timeout(10):
            while not await owner.fetchval(WAITING):
                assert not sent.done()
                await asyncio.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        [error] = await asyncio.gather(sent, return_exceptions=True)
        assert isinstance(error, httpx.TransportError)
    async with asyncio.timeout(10):
        while (retried := await client.post(POSTS, json=published(), headers=headers)).is_error:
            # The dead app's server process still holds the key until it notices.
            assert retried.json()["code"] == "common.idempotency_key_in_use"
            await asyncio.sleep(0.05)
    assert retried.status_code == 201
    assert len(await slugs(resources)) == len(await event_types(resources)) == 1


@asynccontextmanager
async def paused_before_commit(
    database: ServiceDatabase,
) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Hold up whoever has had its effect and writes its answer, as the owner of the schema."""
    owner = await asyncpg.connect(database.owner_url)
    try:
        async with owner.transaction():
            await owner.execute("LOCK TABLE idempotency_keys IN SHARE MODE")
            yield owner
    finally:
        await owner.close()


@asynccontextmanager
async def served(
    settings: Settings, log: Path
) -> AsyncIterator[tuple["subprocess.Popen[bytes]", httpx.AsyncClient]]:
    """The app in a process of its own, ready, and a client of it."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with started(settings, port, log) as process:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            async with asyncio.timeout(30):
                while not await answers(client):
                    assert process.poll() is None
                    await asyncio.sleep(0.1)
            yield process, client


@contextmanager
def started(settings: Settings, port: int, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    # The key set that the database holds is read at the start of every service but the signer.
    own = environment_of(settings, "posts", token_keys_peer="auth", port=str(port))
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "posts_service.app"],
            env=os.environ | own,
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(timeout=10)


async def answers(client: httpx.AsyncClient) -> bool:
    """Tell whether the app answers and knows the keys of tokens."""
    try:
        probe = await client.post(POSTS, json={}, headers=ADA.headers)
    except httpx.TransportError:
        return False
    return probe.status_code == 422
