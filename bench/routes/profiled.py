"""An app with a profiler in it: `python -m bench.routes.profiled FILE MODULE`.

From the first SIGUSR1 on, the kernel interrupts it after each so much time of the CPU that it
takes. What runs then is noted with all its callers; what a function of C takes counts for who
called it.
"""

import importlib
import signal
import sys
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType
from typing import Final

_SECONDS: Final = 0.002
_ROWS: Final = 40
_SITE: Final = "site-packages/"


class Profile:
    """How often each function was seen at work, and how often one that it called."""

    def __init__(self) -> None:
        self.samples = 0
        self._own: Counter[CodeType] = Counter()
        self._below: Counter[CodeType] = Counter()

    def begin(self, _signal: int, _frame: FrameType | None) -> None:
        """Ask to be interrupted from now on."""
        signal.setitimer(signal.ITIMER_PROF, _SECONDS, _SECONDS)

    def note(self, _signal: int, frame: FrameType | None) -> None:
        """Count what runs now."""
        if frame is None:
            return
        self.samples += 1
        self._own[frame.f_code] += 1
        seen = set()
        while frame is not None:
            seen.add(frame.f_code)
            frame = frame.f_back
        self._below.update(seen)

    def told(self) -> str:
        """Return the shares of packages and of functions, in percent of all samples."""
        packages: Counter[str] = Counter()
        for code, count in self._own.items():
            packages[_package(code)] += count
        own = Counter({_name(code): count for code, count in self._own.items()})
        below = Counter({_name(code): count for code, count in self._below.items()})
        parts = {"by package": packages, "by function": own, "with what it calls": below}
        lines = [f"{self.samples} samples"]
        for title, counts in parts.items():
            lines += ["", title]
            for name, count in counts.most_common(_ROWS):
                lines.append(f"{count / max(1, self.samples):7.1%}  {name}")
        return "\n".join(lines)


def _package(code: CodeType) -> str:
    if _SITE in code.co_filename:
        return code.co_filename.rpartition(_SITE)[2].partition("/")[0]
    if "/src/" in code.co_filename:
        return code.co_filename.rpartition("/src/")[2].partition("/")[0]
    return "Python"


def _name(code: CodeType) -> str:
    file = "/".join(Path(code.co_filename).parts[-2:])
    return f"{code.co_qualname}  {file}:{code.co_firstlineno}"


def run(file: str, module: str) -> None:
    """Serve until told to end, then write the profile."""
    profile = Profile()
    # The server ends as this signal ends it otherwise, which leaves no time to write.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGPROF, profile.note)
    signal.signal(signal.SIGUSR1, profile.begin)
    try:
        importlib.import_module(module).main()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        Path(file).write_text(profile.told(), encoding="utf-8")


if __name__ == "__main__":
    run(*sys.argv[1:])
