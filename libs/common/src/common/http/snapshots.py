"""A producer's present state for its consumers, told as payloads of the event that reports it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from common.contracts import Event
from common.errors import NotFound
from common.http.dependencies import CurrentCaller, platform_of
from common.outbox import read_head


@dataclass(frozen=True, slots=True)
class Snapshot[E: Event]:
    """How a state is read: at most `limit` rows whose key follows `after`, in order of the keys.

    Attributes:
        read: Called with the request, `after` (the key's parts, or None) and `limit`.
        key: The parts of a row's key.
    """

    read: Callable[[Request, Sequence[UUID] | None, int], Awaitable[Sequence[E]]]
    key: Callable[[E], Sequence[UUID]]


class SnapshotUnknown(NotFound):
    code = "common.snapshot_unknown"
    message = "There is no snapshot for {event_type}."


class SnapshotQuery(BaseModel):
    """The page that is asked for."""

    after: list[UUID] = Field([], max_length=4, description="The former page's next_key.")
    limit: int = Field(500, ge=1, le=1000)


class SnapshotRead(BaseModel):
    """A page; every row is at least as new as the head, which was read first."""

    head_epoch: int
    head_position: int
    rows: list[dict[str, Any]]
    next_key: list[UUID] | None


def snapshot_router(snapshots: Mapping[type[Event], Snapshot[Any]]) -> APIRouter:
    """Return the route that serves the snapshots of these events.

    Args:
        snapshots: For each event that tells a state, how its rows are read.
    """
    router = APIRouter(prefix="/internal/snapshots", tags=["internal"])
    by_name = {event.wire_name: snapshot for event, snapshot in snapshots.items()}

    @router.get("/{event_type}")
    async def read_snapshot(
        request: Request,
        event_type: str,
        query: Annotated[SnapshotQuery, Query()],
        caller: CurrentCaller,
    ) -> SnapshotRead:
        """Return a page of the present state, in the order of its keys."""
        del caller  # Any service may ask; who it is has been verified.
        if event_type not in by_name:
            raise SnapshotUnknown(event_type=event_type)
        snapshot = by_name[event_type]
        async with platform_of(request).database.reads() as connection:
            head = await read_head(connection)
        rows = await snapshot.read(request, query.after or None, query.limit)
        return SnapshotRead(
            head_epoch=head.epoch,
            head_position=head.position,
            rows=[row.model_dump(mode="json") for row in rows],
            next_key=list(snapshot.key(rows[-1])) if len(rows) == query.limit else None,
        )

    return router
