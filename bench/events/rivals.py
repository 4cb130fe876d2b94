"""Contenders: what one would write otherwise, with Celery or with a FastStream consumer group.

Each inserts one row per event over a connection that stays open, which is the best they can do.
"""

import asyncio
import sys
from typing import Any, Final
from uuid import UUID

import asyncpg
import uvloop
from celery import Celery
from celery.signals import worker_process_init
from faststream import FastStream
from faststream.redis import RedisBroker, StreamSub

from bench.events.stage import addresses
from bench.events.tables import INSERT_EFFECT

STREAM: Final = "events:faststream"
CONCURRENCY: Final = 2


def make_celery() -> tuple[Celery, Any]:
    """Return an app with Celery's defaults and its one task; no results are kept."""
    app = Celery("bench", broker=addresses().broker)
    app.conf.update(task_ignore_result=True, worker_hijack_root_logger=False)
    opened: dict[str, Any] = {}

    def connect(**_: Any) -> None:
        opened["runner"] = runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        opened["connection"] = runner.run(asyncpg.connect(addresses().postgres))

    def apply(event_id: str, n: int, title: str) -> None:
        insert = opened["connection"].execute(INSERT_EFFECT, UUID(event_id), n, title)
        opened["runner"].run(insert)

    worker_process_init.connect(connect, weak=False)
    return app, app.task(apply, name="apply")


def celery() -> None:
    """Be Celery's worker, with one process per core."""
    app, _ = make_celery()
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    app.start(["--quiet", "worker", "--concurrency", str(CONCURRENCY), *quiet])


async def faststream() -> None:
    """Be the one consumer of a group, which keeps the order of events."""
    broker = RedisBroker(addresses().redis)
    connection = await asyncpg.connect(addresses().postgres)

    @broker.subscriber(stream=StreamSub(STREAM, group="reader", consumer="one", last_id="0"))
    async def apply(event: dict[str, Any]) -> None:
        await connection.execute(INSERT_EFFECT, UUID(event["id"]), event["n"], event["title"])

    await FastStream(broker, logger=None).run()


if __name__ == "__main__":
    if sys.argv[1] == "celery":
        celery()
    else:
        uvloop.run(faststream())
