"""A producer's stream for operators: its figures, and how far a cursor is behind its head."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from common.clock import utc_now
from common.http.dependencies import CurrentCaller, platform_of
from common.outbox.operations import list_epochs, list_readers, measure_distance, stream_figures
from common.place import Place

router = APIRouter(prefix="/internal/stream", tags=["internal"])


class EpochRead(BaseModel):
    """One life of the database."""

    epoch: int
    start_position: int
    started_at: datetime


class ReaderRead(BaseModel):
    """A consumer as it last registered: when it asked for the log by HTTP."""

    name: str
    epoch: int
    position: int
    seen_at: datetime


class StreamRead(BaseModel):
    """The log and the outbox of a producer."""

    head_epoch: int
    head_position: int
    first_position: int | None = Field(description="Where the log begins; null when it is empty.")
    outbox_depth: int = Field(description="Events that have no position yet.")
    outbox_oldest_seconds: float = Field(description="Age of the oldest of them, 0 without any.")
    epochs: list[EpochRead] = Field(description="The newest 100, the newest first.")
    readers: list[ReaderRead]


class CursorQuery(BaseModel):
    """Where a consumer stands."""

    epoch: int = Field(ge=0, lt=2**62)
    after: int = Field(ge=0, lt=2**62)


class DistanceRead(BaseModel):
    """What a consumer has before it."""

    head_epoch: int
    head_position: int
    resume_at: int = Field(description="Position of its next event; not after its cursor: ghosts.")
    behind: int = Field(description="Events that it has not applied.")
    oldest_seconds: float = Field(description="Age of the oldest of them, 0 without any.")


@router.get("")
async def get_stream(request: Request, caller: CurrentCaller) -> StreamRead:
    """Return the figures of this service as a producer."""
    del caller  # Any service may ask; who it is has been verified.
    async with platform_of(request).database.reads() as connection:
        figures = await stream_figures(connection)
        epochs = await list_epochs(connection)
        readers = await list_readers(connection)
    return StreamRead(
        head_epoch=figures.head.epoch,
        head_position=figures.head.position,
        first_position=figures.first_position,
        outbox_depth=figures.outbox_depth,
        outbox_oldest_seconds=_age(figures.outbox_oldest_at),
        epochs=[EpochRead.model_validate(epoch, from_attributes=True) for epoch in epochs],
        readers=[
            ReaderRead(
                name=reader.name,
                epoch=reader.cursor.epoch,
                position=reader.cursor.position,
                seen_at=reader.seen_at,
            )
            for reader in readers
        ],
    )


@router.get("/distance")
async def get_distance(
    request: Request, query: Annotated[CursorQuery, Query()], caller: CurrentCaller
) -> DistanceRead:
    """Return how far a cursor is behind the head; asking registers nobody."""
    del caller  # Any service may ask; who it is has been verified.
    async with platform_of(request).database.reads() as connection:
        distance = await measure_distance(connection, Place(query.epoch, query.after))
    return DistanceRead(
        head_epoch=distance.head.epoch,
        head_position=distance.head.position,
        resume_at=distance.resume_at,
        behind=distance.events,
        oldest_seconds=_age(distance.oldest_at),
    )


def _age(at: datetime | None) -> float:
    return max(0.0, (utc_now() - at).total_seconds()) if at else 0.0
