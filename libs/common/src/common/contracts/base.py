"""What every event is: a frozen payload with a wire name, and the envelope it travels in."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict


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

    epoch: int
    position: int
    id: UUID
    type: str
    key: str
    occurred_at: datetime
    headers: dict[str, str]
    payload: dict[str, Any]
