"""A place in a producer's log, which is also the id of its entry on the stream."""

from dataclasses import dataclass
from typing import Final


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
        epoch, _, position = stream_id.partition("-")
        return (
            cls(int(epoch), int(position)) if epoch.isdecimal() and position.isdecimal() else None
        )


EMPTY: Final = Place(0, 0)
