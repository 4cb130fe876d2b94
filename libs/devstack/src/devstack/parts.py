"""What a stack consists of: parts, what each needs, and how to tell that it is ready."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from signal import SIGTERM, Signals

from devstack.probes import Probe


@dataclass(frozen=True, slots=True)
class Part:
    """A process to keep alive, or a step (no `ready` probe): it is done when it ends with 0.

    `forked` parts run a Python module whose imports are shared. `sources` are the folders whose
    change restarts it in `make dev`; `details` are further entries of its record in the state
    file; `hint` says what to look at when it fails.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    cwd: Path
    needs: Sequence[str] = ()
    ready: Probe | None = None
    port: int | None = None
    url: str | None = None
    stop_signal: Signals = SIGTERM
    stop_seconds: float = 10
    start_seconds: float = 60  # A step's whole time.
    forked: bool = False
    sources: Sequence[Path] = ()
    details: Mapping[str, int] = field(default_factory=dict)
    hint: str = ""

    @property
    def is_step(self) -> bool:
        return self.ready is None


def in_order(parts: Iterable[Part]) -> list[Part]:
    """The same parts, each after what it needs.

    Raises:
        graphlib.CycleError: parts need each other.
        KeyError: a part needs one that is not there.
    """
    by_name = {part.name: part for part in parts}
    graph = {part.name: part.needs for part in by_name.values()}
    return [by_name[name] for name in TopologicalSorter(graph).static_order()]
