"""What the operators' routes of a consumer take and answer."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from common.contracts import Envelope


class ConsumerRead(BaseModel):
    """How this service stands towards one producer."""

    producer: str
    epoch: int
    position: int
    updated_at: datetime
    bootstrap_requested_at: datetime | None = Field(description="Null when no wish is open.")
    parked_events: int
    parked_keys: int
    ghosts: int = Field(description="Ranges that took effect here and were lost by the producer.")
    skipped: int = Field(description="Ranges that were past retention when this consumer came.")


class ConsumersRead(BaseModel):
    """Every producer whose events this service has applied."""

    items: list[ConsumerRead]


class ParkedQuery(BaseModel):
    """Which parked events."""

    key: str | None = Field(None, max_length=500)
    skipped: bool = Field(default=False, description="Those that an operator let go instead.")


class ParkedRead(BaseModel):
    """An event that failed, or waits behind one of its key."""

    event_id: UUID
    epoch: int
    position: int
    type: str
    key: str
    is_first: bool = Field(description="It is the one of its key that is tried next.")
    attempts: int
    next_at: datetime | None = Field(description="Null: it waits for an operator.")
    error: str | None
    parked_at: datetime
    skipped_at: datetime | None
    skip_reason: str | None


class ParkedEventRead(ParkedRead):
    """The same with the event itself."""

    envelope: Envelope


class Action(BaseModel):
    """Who wants something done, and why: for the log."""

    by: str = Field("", max_length=200, description="The person.")
    reason: str = Field("", max_length=1000)


class ParkedRetry(Action):
    """One event, the first of one key, or with `all` the first of every key."""

    event_id: UUID | None = None
    key: str | None = Field(None, max_length=500)
    all: bool = False

    @model_validator(mode="after")
    def _is_one_choice(self) -> Self:
        if (self.event_id is not None) + (self.key is not None) + self.all != 1:
            raise ValueError("choose one of event_id, key and all")
        return self


class RetryRead(BaseModel):
    """How many events are due now."""

    due: int


class ParkedSkip(Action):
    """The event to let go; the reason is kept with it."""

    event_id: UUID
    reason: str = Field(min_length=1, max_length=1000)


class SkipRead(BaseModel):
    """The event of the same key that is tried next."""

    next_event_id: UUID | None


class LostRangeRead(BaseModel):
    """Positions without their usual effect."""

    kind: str = Field(description="`ghosts`: applied, then lost by the producer. `skipped`: gone.")
    epoch: int
    first_position: int
    last_position: int
    found_at: datetime
    queries: list[str] = Field(description="For ghosts: SQL of the rows that carry their epoch.")


class LostRangesRead(BaseModel):
    """The latest first."""

    items: list[LostRangeRead]


class Rewind(Action):
    """The position to go back to: the event after it is the next one."""

    position: int = Field(ge=0, lt=2**62)


class RewindRead(BaseModel):
    """Where the cursor was and where it is."""

    before: str
    after: str


class BootstrapRead(BaseModel):
    """When the wish was noted; it is granted when no consumer shows it any more."""

    requested_at: datetime
