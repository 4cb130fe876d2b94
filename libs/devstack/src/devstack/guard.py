"""The outermost process of a stack: it outlives the supervisor and ends what that leaves behind.

It adopts every orphan below it. When it is killed itself, the kernel tells the supervisor.
"""

import fcntl
import os
import signal
import subprocess
import sys
import time
from typing import TextIO

import psutil

from devstack.board import mark_down
from devstack.layout import Layout
from devstack.processes import MARKER, adopt_orphans, die_with_parent, end, marked

ALREADY_RUNNING = 75


def main() -> int:
    """`python -m devstack.guard [--reload] [--tied]`: hold the layout's lock and run its stack.

    `--tied` ends the stack with the process that started it.
    """
    layout = Layout.current()
    if "--tied" in sys.argv:
        die_with_parent()()
    # A shell's `&` leaves SIGINT ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    layout.folder.mkdir(parents=True, exist_ok=True)
    with layout.lock.open("a+") as lock:
        if not _took(lock):
            return ALREADY_RUNNING
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        return _guard(layout)


def _took(lock: TextIO) -> bool:
    # Whoever asks whether a stack runs holds the lock for a moment, so one refusal is no answer.
    for _ in range(10):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.02)
        else:
            return True
    return False


def _guard(layout: Layout) -> int:
    os.environ[MARKER] = layout.marker
    adopt_orphans()
    supervisor = subprocess.Popen(
        [sys.executable, "-m", "devstack.supervisor", *sys.argv[1:]],
        preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - it calls prctl only
    )
    for request in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(request, lambda *_: supervisor.terminate())
    status = _reap_until(supervisor)
    end([*psutil.Process().children(recursive=True), *_others(layout)])
    if status != 0:
        mark_down(layout)
    return status


def _reap_until(supervisor: subprocess.Popen[bytes]) -> int:
    """Wait for every child that ends, adopted ones too, until it is the supervisor."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == supervisor.pid:
            supervisor.returncode = os.waitstatus_to_exitcode(status)
            return supervisor.returncode


def _others(layout: Layout) -> list[psutil.Process]:
    return [process for process in marked(layout.marker) if process.pid != os.getpid()]


if __name__ == "__main__":
    sys.exit(main())
