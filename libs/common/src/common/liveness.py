"""How a background loop shows that it lives: it calls `beat()` whenever it has made a turn."""

import time
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(slots=True)
class Pulse:
    """When a loop last made a turn or was started again, by the monotonic clock."""

    name: str
    at: float = field(default_factory=time.monotonic)
    crashes: int = 0

    def beat(self) -> None:
        self.at = time.monotonic()

    def silent_seconds(self) -> float:
        return time.monotonic() - self.at


pulse: ContextVar[Pulse | None] = ContextVar("pulse", default=None)


def beat() -> None:
    """Report a turn of the present loop; outside a worker's loop this does nothing."""
    current = pulse.get()
    if current is not None:
        current.beat()
