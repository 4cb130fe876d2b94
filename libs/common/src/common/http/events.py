"""A producer's log for its consumers: the sure path when the stream has a gap or Redis is away."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from common.contracts import Envelope
from common.deadline import remaining_seconds
from common.http.dependencies import CurrentCaller, platform_of
from common.outbox import LogPage, read_log, register_reader
from common.place import Place

POLL_SECONDS = 0.2
# What is left of a request's time once nothing has come, for saying so.
ANSWER_SECONDS = 1.0

router = APIRouter(prefix="/internal/events", tags=["internal"])


class EventsQuery(BaseModel):
    """Where the consumer stands and how long it will wait for more."""

    consumer: str = Field(max_length=64, description="Name of the consumer, for its registration.")
    epoch: int = Field(ge=0, lt=2**62)
    after: int = Field(ge=0, lt=2**62)
    limit: int = Field(500, ge=1, le=1000)
    wait: int = Field(0, ge=0, le=20, description="Seconds to wait for the first event.")


class EventsPage(BaseModel):
    """`resume_at` is the position that the first event has, if there is one."""

    head_epoch: int
    head_position: int
    resume_at: int
    events: list[Envelope]


@router.get("")
async def list_events(
    request: Request, query: Annotated[EventsQuery, Query()], caller: CurrentCaller
) -> EventsPage:
    """Return the events that follow a place in this service's log, in order."""
    del caller  # Any service may ask; who it is has been verified.
    left = remaining_seconds()
    wait = query.wait if left is None else min(query.wait, left - ANSWER_SECONDS)
    deadline = asyncio.get_running_loop().time() + wait
    after = Place(query.epoch, query.after)
    async with platform_of(request).database.reads() as connection:
        await register_reader(connection, name=query.consumer, cursor=after)
    while True:
        page = await _read(request, after, query.limit)
        if page.events or asyncio.get_running_loop().time() >= deadline:
            return EventsPage(
                head_epoch=page.head.epoch,
                head_position=page.head.position,
                resume_at=page.resume_at,
                events=page.events,
            )
        await asyncio.sleep(POLL_SECONDS)


async def _read(request: Request, after: Place, limit: int) -> LogPage:
    async with platform_of(request).database.reads() as connection:
        return await read_log(connection, after=after, limit=limit)
