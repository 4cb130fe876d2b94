"""Contender: Colonnade's own code, in the processes that it has in production.

`python -m bench.events.colonnade app|relay|consumer`: the producer's app and worker, the consumer's
worker.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import uvloop
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from bench.events.stage import addresses
from bench.events.tables import CONSUMER, PRODUCER, Effect, Noted
from common.db import write_later
from common.http import events
from common.http.app import build_app, serve
from common.outbox import relay_loops
from common.platform import Platform, open_platform
from common.settings import ServiceSettings
from common.streams import Handlers, Received, consumer_loops
from common.worker import run_worker

# As in the repositories of services: a constant, so that its rows are written together.
ADD_EFFECT: Final = insert(Effect)


@dataclass(frozen=True, slots=True)
class Tx:
    session: AsyncSession


@dataclass(frozen=True, slots=True)
class Resources:
    platform: Platform

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        async with self.platform.database.transaction() as session:
            yield Tx(session)


async def noted(tx: Tx, event: Received[Noted]) -> None:
    row = {"id": event.id, "n": event.data.n, "title": event.data.title}
    write_later(tx.session, ADD_EFFECT, row)


HANDLERS: Handlers[Tx] = {Noted: noted}


def settings_of(service: str, process: str) -> ServiceSettings:
    """Return the settings of one process, which listens on a port of its own."""
    values = dict(addresses().settings[service])
    ports = {name: values.pop(f"{name}_port") for name in ("app", "worker")}
    return ServiceSettings(**values, port=ports[process])


async def relay(settings: ServiceSettings) -> None:
    """Be the producer's worker."""
    async with open_platform(PRODUCER, settings) as platform:
        loops = relay_loops(PRODUCER, platform.database, platform.streams)
        await run_worker(PRODUCER, settings, platform, loops)


async def consumer(settings: ServiceSettings) -> None:
    """Be the consumer's worker."""
    async with open_platform(CONSUMER, settings) as platform:
        loops = consumer_loops(
            CONSUMER,
            HANDLERS,
            {},
            transaction=Resources(platform).transaction,
            streams=platform.streams,
            peers=platform.peers,
        )
        await run_worker(CONSUMER, settings, platform, loops)


@asynccontextmanager
async def _open_resources(settings: ServiceSettings) -> AsyncIterator[Resources]:
    async with open_platform(PRODUCER, settings) as platform:
        yield Resources(platform)


def app(settings: ServiceSettings) -> None:
    """Be the producer's app, whose `/internal/events` consumers fall back on."""
    built = build_app(
        service=PRODUCER,
        settings=settings,
        open_resources=_open_resources,
        routers=(events.router,),
    )
    serve(built, settings)


if __name__ == "__main__":
    match sys.argv[1]:
        case "app":
            app(settings_of(PRODUCER, "app"))
        case "relay":
            uvloop.run(relay(settings_of(PRODUCER, "worker")))
        case "consumer":
            uvloop.run(consumer(settings_of(CONSUMER, "worker")))
