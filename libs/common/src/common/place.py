"""A place in a producer's log, which is also the id of its entry on the stream."""

from dataclasses import dataclass
from typing import Final

_BIGGEST: Final = 2**63 - 1  # PostgreSQL's bigint; a stream's id may be larger.


def stream_key(service: str) -> str:
    """Return the name of a service's stream."""
    return f"events:{service}"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in a log, and as a stream id: `<epoch>-<position>`."""

    epoch: int
    position: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.position}"

    @classmethod
    def parse(cls, stream_id: str) -> "Place | None":
        """Read a stream id; None for what no relay can have written."""
        numbers = [int(part) for part in stream_id.split("-") if part.isdecimal()]
        if len(numbers) != 2 or max(numbers) > _BIGGEST:  # noqa: PLR2004 — an id is a pair.
            return None
        return cls(*numbers)


EMPTY: Final = Place(0, 0)
