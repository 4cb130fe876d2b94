"""What was found out lately: each entry until its time, bounded, oldest out first."""

import time


class Memory[T]:
    """Values by the digests of what they were found for.

    Args:
        most: Entries that are kept; one more makes the oldest go.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: dict[bytes, tuple[float, T]] = {}

    def get(self, digest: bytes) -> T | None:
        """Return what is known of a digest; None when nothing is, or no longer."""
        entry = self._entries.get(digest)
        return entry[1] if entry and entry[0] > time.time() else None

    def put(self, digest: bytes, until: float, value: T) -> None:
        """Remember a value until then (Unix time)."""
        while len(self._entries) >= self._most:
            del self._entries[next(iter(self._entries))]
        self._entries[digest] = (until, value)
