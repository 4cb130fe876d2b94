"""What every event is: a frozen payload with a wire name, and the envelope it travels in."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class Event(BaseModel):
    """A fact in the past tense. Unknown fields are ignored, so that producers may add some."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    wire_name: ClassVar[str]


class Envelope(BaseModel):
    """An event as it stands in its producer's log, on the stream and in `GET /internal/events`.

    `(epoch, position)` is its place in the log: positions are contiguous and start at 1; the epoch
    rises with each life of the producer's database. `key` is the aggregate whose order is kept.
    """

    model_config = ConfigDict(frozen=True)

    epoch: int = Field(description="Life of the producer's database.", examples=[1])
    position: int = Field(description="Place in the producer's log, without gaps.", examples=[42])
    id: UUID = Field(
        description="The event's own id: the same however often it is delivered.",
        examples=["0199a3d0-52b7-7c31-8e5d-1b7a9c4f2e05"],
    )
    type: str = Field(description="The event's wire name.", examples=["posts.post_deleted.v1"])
    key: str = Field(
        description="The aggregate whose events stay in order.",
        examples=["0199a3d0-52b6-7a94-b1e7-8f4c2d6a0e04"],
    )
    occurred_at: datetime = Field(
        description="When the producer's transaction wrote it (UTC).",
        examples=["2026-03-01T09:30:00.125000Z"],
    )
    headers: dict[str, str] = Field(
        description="Trace of the request that caused it: `traceparent`, `x-request-id`.",
        examples=[
            {
                "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                "x-request-id": "0199a3d0-52b0-7f6e-9d21-4c8b0a7e3f06",
            }
        ],
    )
    payload: dict[str, Any] = Field(
        description="The event itself, as its contract says.",
        examples=[
            {
                "post_id": "0199a3d0-52b6-7a94-b1e7-8f4c2d6a0e04",
                "author_id": "0199a3c1-7c40-7b52-9f3e-5d2a8c1e4b01",
            }
        ],
    )
