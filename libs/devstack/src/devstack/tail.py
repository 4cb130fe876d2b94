"""Follows logs as they grow: each line once, in order, also after a log was replaced or emptied."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

CHUNK_BYTES = 64 * 1024


class Tail:
    """One log, from its last `lines` lines on."""

    def __init__(self, path: Path, lines: int) -> None:
        self._path = path
        self._lines = lines
        self._file: BinaryIO | None = None
        self._partial = b""

    def new_lines(self) -> Iterator[str]:
        """The lines that were completed since the last call."""
        if self._file is None or self._was_replaced(self._file):
            self._open()
        if self._file is None:
            return
        while chunk := self._file.read(CHUNK_BYTES):
            *complete, self._partial = (self._partial + chunk).split(b"\n")
            for line in complete:
                yield line.decode(errors="replace")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _was_replaced(self, file: BinaryIO) -> bool:
        opened = os.fstat(file.fileno())
        if not self._path.exists() or self._path.stat().st_ino != opened.st_ino:
            return True
        return opened.st_size < file.tell()

    def _open(self) -> None:
        self.close()
        if not self._path.exists():
            return
        self._partial = b""
        self._file = self._path.open("rb")
        self._file.seek(_start_of_last(self._path, self._lines))
        self._lines = 1_000_000


def _start_of_last(path: Path, lines: int) -> int:
    content = path.read_bytes()
    position = len(content)
    for _ in range(lines + 1):
        position = content.rfind(b"\n", 0, position)
        if position < 0:
            return 0
    return position + 1
