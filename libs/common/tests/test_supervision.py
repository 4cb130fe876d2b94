"""A loop that ends is started again; a worker serves its probes and ends when it is told to."""

import asyncio
import os
import signal
from collections import Counter
from functools import partial

import httpx
import pytest
from structlog.testing import capture_logs

from common import supervision
from common.errors import Unavailable
from common.platform import open_platform
from common.settings import ServiceSettings
from common.supervision import beat, every, supervised
from common.testing.apps import settings_values
from common.worker import run_worker


async def test_a_loop_is_restarted_whether_it_crashes_or_returns() -> None:
    turns: Counter[str] = Counter()
    enough = asyncio.Event()

    def turn(name: str) -> None:
        turns[name] += 1
        if min(turns["crashing"], turns["returning"]) >= 3:
            enough.set()

    async def crashing() -> None:
        turn("crashing")
        raise RuntimeError

    async def returning() -> None:
        turn("returning")

    async with asyncio.timeout(5), supervised({"crashing": crashing, "returning": returning}):
        await enough.wait()


async def test_a_loop_that_stops_to_report_its_turns_is_stalled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def reporting() -> None:
        beat()
        await asyncio.sleep(60)

    async def silent() -> None:
        await asyncio.sleep(60)

    async with supervised({"reporting": reporting, "silent": silent}) as pulses:
        await asyncio.sleep(0.01)
        assert not any(pulse.stalled() for pulse in pulses)
        monkeypatch.setattr(supervision, "STALLED_SECONDS", 0)
        assert [pulse.name for pulse in pulses if pulse.stalled()] == ["reporting"]


async def test_an_outage_is_logged_when_it_begins_and_when_it_is_over() -> None:
    outcomes = [Unavailable(), Unavailable(), Unavailable(), None, None, Unavailable(), None]
    done = asyncio.Event()

    async def turn() -> None:
        if not outcomes:
            done.set()
        elif outcome := outcomes.pop(0):
            raise outcome

    with capture_logs() as logged:
        async with asyncio.timeout(5), supervised({"look": partial(every, 0, turn)}):
            await done.wait()
    assert [(line["event"], line["loop"], line.get("missed")) for line in logged] == [
        ("turn_unavailable", "look", None),
        ("turn_available", "look", 3),
        ("turn_unavailable", "look", None),
        ("turn_available", "look", 1),
    ]


async def test_a_worker_serves_probes_and_ends_at_sigterm(
    unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch, restored_logging: None
) -> None:
    values = settings_values(
        "echo",
        database_url="postgresql://nobody:x@127.0.0.1:1/none",
        streams_url="redis://127.0.0.1:1/0",
        peers=["echo"],
        port=unused_tcp_port,
    )
    settings = ServiceSettings(**values)
    ended = asyncio.Event()

    async def loop() -> None:
        try:
            beat()
            await asyncio.sleep(60)
        finally:
            ended.set()

    async with open_platform("echo", settings) as platform:
        worker = asyncio.create_task(run_worker("echo", settings, platform, {"loop": loop}))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{unused_tcp_port}") as client:
            await _until_up(client)
            assert (await client.get("/healthz")).json() == {"status": "alive"}
            assert (await client.get("/readyz")).status_code == 503
            assert "loop_restarts_total" in (await client.get("/metrics")).text
            monkeypatch.setattr(supervision, "STALLED_SECONDS", 0)
            response = await client.get("/healthz")
            assert (response.status_code, response.json()["detail"]) == (503, "Stalled: loop.")
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(5):
            await worker
    assert ended.is_set()


async def _until_up(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(5):
        while True:
            try:
                await client.get("/healthz")
            except httpx.ConnectError:
                await asyncio.sleep(0.01)
            else:
                return
