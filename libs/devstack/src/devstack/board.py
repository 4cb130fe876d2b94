"""The state file: what the supervisor knows about every part, replaced whenever it changes."""

import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from devstack.layout import Layout, read_json, write_json
from devstack.parts import Part


class Board:
    """Writes the state file; `processes` and `steps` hold one record per part."""

    def __init__(self, layout: Layout, parts: Iterable[Part], facts: Mapping[str, Any]) -> None:
        self._layout = layout
        self._records = {part.name: _record(layout, part) for part in parts}
        self._steps = {part.name for part in parts if part.is_step}
        self._facts = dict(facts)

    def declare(self, **facts: object) -> None:
        """Set entries that concern the whole stack."""
        self._facts |= facts
        self._write()

    def note(self, part: str, **entries: object) -> None:
        """Set entries of the record of `part`."""
        self._records[part] |= entries
        self._write()

    def restarts(self, part: str) -> int:
        count: int = self._records[part]["restarts"]
        return count

    def _write(self) -> None:
        steps = [each for name, each in self._records.items() if name in self._steps]
        processes = [each for name, each in self._records.items() if name not in self._steps]
        write_json(self._layout.state, {**self._facts, "processes": processes, "steps": steps})


def read_board(layout: Layout) -> dict[str, Any]:
    """The state file; a stack that never ran is `down`."""
    return {"state": "down", "processes": [], "steps": []} | read_json(layout.state)


def mark_down(layout: Layout) -> None:
    """Say in the state file that nothing runs any more, for a stack that could not say it."""
    board = read_board(layout)
    for record in board["processes"]:
        record |= {"pid": None, "state": "stopped"}
    if board["state"] != "failed":
        board["state"] = "down"
    write_json(layout.state, board)


def now() -> str:
    """This moment, RFC 3339 in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _record(layout: Layout, part: Part) -> dict[str, Any]:
    return {
        "name": part.name,
        "state": "waiting",
        "pid": None,
        "port": part.port,
        "url": part.url,
        "log": os.fspath(layout.log(part.name)),
        "started_at": None,
        "seconds": None,
        "restarts": 0,
        **part.details,
    }
