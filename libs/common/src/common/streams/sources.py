"""Where a consumer's events come from: the stream when it has them, else the producer's log."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Protocol

from pydantic import TypeAdapter
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from common.contracts import Envelope
from common.http.client import PeerClient, PeerRefused
from common.place import EMPTY, Place, stream_key

BATCH: Final = 500

_envelopes = TypeAdapter(list[Envelope])


@dataclass(frozen=True, slots=True)
class Replay:
    """A page of the producer's log, its head and the position its first event must have."""

    head: Place
    resume_at: int
    events: list[Envelope]


class Stream:
    """The fast path: a producer's Redis stream. It may lack, repeat or invent entries."""

    def __init__(self, producer: str, streams: Redis) -> None:
        self._key = stream_key(producer)
        self._streams = streams

    async def read(self, after: Place, *, block_seconds: float) -> list[Envelope | None]:
        """Wait for entries after `after`; None stands for an entry that is no event.

        Raises:
            RedisError: Redis does not answer.
        """
        answer: Any = await self._streams.xread(
            {self._key: str(after)}, count=BATCH, block=int(block_seconds * 1000)
        )
        return [_parse(*entry) for entry in _entries(answer)]

    async def top(self) -> Place:
        """Return the last id that the stream gave out; EMPTY when there is none.

        Raises:
            RedisError: Redis does not answer.
        """
        try:
            info: Any = await self._streams.xinfo_stream(self._key)
        except ResponseError:
            return EMPTY
        return Place.parse(_text(info["last-generated-id"])) or EMPTY


class PastRetention(Exception):
    """The producer's log begins at `first`, later than `resume_at`, which should come next."""

    def __init__(self, first: Place, resume_at: int) -> None:
        self.first = first
        self.resume_at = resume_at
        super().__init__(f"the log begins at {first}")


@dataclass(frozen=True, slots=True)
class SnapshotPage:
    """Rows of a producer's present state, as payloads of the event that tells it."""

    head: Place
    rows: list[dict[str, Any]]
    next_key: list[str] | None


class Source(Protocol):
    """Whatever knows a producer's log and state."""

    async def read(self, after: Place, *, wait_seconds: int) -> Replay:
        """Return events after `after`, waiting for the first up to `wait_seconds`."""
        ...

    async def snapshot(self, event_type: str, *, after: list[str] | None) -> SnapshotPage:
        """Return a page of the rows whose key follows `after`."""
        ...


class Log:
    """The sure path: the producer's own log by HTTP."""

    def __init__(self, consumer: str, peer: PeerClient) -> None:
        self._consumer = consumer
        self._peer = peer

    async def read(self, after: Place, *, wait_seconds: int) -> Replay:
        """Read events after `after`, waiting for the first up to `wait_seconds`.

        Raises:
            PastRetention: What follows is gone.
            Unavailable: The producer does not answer.
            PeerRefused: The cursor is beyond the producer's head, which no fault explains.
        """
        params = {
            "consumer": self._consumer,
            "epoch": after.epoch,
            "after": after.position,
            "limit": BATCH,
            "wait": wait_seconds,
        }
        try:
            body = await self._peer.get(
                "/internal/events", params=params, timeout_seconds=wait_seconds + 5
            )
        except PeerRefused as error:
            if error.status != HTTPStatus.GONE:
                raise
            told = error.problem
            first = Place(told["first_epoch"], told["first_position"])
            raise PastRetention(first, told["resume_at"]) from error
        head = Place(body["head_epoch"], body["head_position"])
        return Replay(head, body["resume_at"], _envelopes.validate_python(body["events"]))

    async def snapshot(self, event_type: str, *, after: list[str] | None) -> SnapshotPage:
        """Read a page of the producer's present state.

        Raises:
            Unavailable: The producer does not answer.
            PeerRefused: It has no snapshot of that kind.
        """
        params = {"limit": BATCH, "after": after or []}
        body = await self._peer.get(f"/internal/snapshots/{event_type}", params=params)
        head = Place(body["head_epoch"], body["head_position"])
        return SnapshotPage(head, body["rows"], body["next_key"])


def _entries(answer: Any) -> list[tuple[str, dict[Any, Any]]]:
    """Flatten XREAD's answer of one stream, which RESP2 gives as pairs and RESP3 as a mapping."""
    streams = answer.values() if isinstance(answer, dict) else [s[1] for s in answer or []]
    entries: list[tuple[str, dict[Any, Any]]] = []
    for stream in streams:
        batches = (
            stream
            if stream
            and isinstance(stream[0], list)
            and stream[0]
            and isinstance(stream[0][0], list | tuple)
            else [stream]
        )
        entries += [(_text(entry_id), fields) for batch in batches for entry_id, fields in batch]
    return entries


def _parse(entry_id: str, fields: dict[Any, Any]) -> Envelope | None:
    """Read an entry; None for one that no relay wrote or whose id does not match its content."""
    data = fields.get(b"event") or fields.get("event")
    try:
        event = Envelope.model_validate_json(data or b"")
    except ValueError:
        return None
    return event if entry_id == f"{event.epoch}-{event.position}" else None


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
