"""Forks Python processes from one that has loaded what they all import: 0.3 s a start, not 2 s.

It takes one request per line on stdin, answers with one event per line on stdout, and ends with
stdin. `devstack.spawning` is its only client. A child is what `python -m MODULE` would be.
"""

import ctypes
import gc
import importlib
import json
import os
import runpy
import select
import signal
import sys
from typing import Any

from devstack.processes import die_with_parent

# What services import, and nothing of theirs: it must not change while the nursery lives.
PRELOADED = ("alembic.config", "common.http.app", "common.worker", "common.db.migrations", "celery")
_PR_SET_NAME = 15
_CHUNK_BYTES = 64 * 1024

type Request = dict[str, Any]


def main() -> None:
    """Serve; in a child, become the module that was asked for."""
    requests, events = os.dup(0), os.dup(1)
    os.dup2(2, 1)  # What a module prints while it is loaded is no event.
    for module in PRELOADED:
        importlib.import_module(module)
    gc.freeze()  # Its objects stay shared with the children as long as nobody writes to them.
    if request := _serve(requests, events):
        _become(request)
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)


def _serve(requests: int, events: int) -> Request | None:
    """Fork for each request; return it in the child, None in the nursery when there are no more."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    received = b""
    while True:
        readable, _, _ = select.select([requests, woken], [], [])
        if woken in readable:
            os.read(woken, _CHUNK_BYTES)
            _report_ended(events)
        if requests not in readable:
            continue
        if not (chunk := os.read(requests, _CHUNK_BYTES)):
            return None
        *lines, received = (received + chunk).split(b"\n")
        for line in lines:
            request: Request = json.loads(line)
            if not (pid := os.fork()):
                signal.set_wakeup_fd(-1)
                for each in (requests, events, woken, wake):
                    os.close(each)
                return request
            _send(events, {"event": "started", "id": request["id"], "pid": pid})


def _report_ended(events: int) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _send(events, {"event": "ended", "pid": pid, "status": os.waitstatus_to_exitcode(status)})


def _send(events: int, event: dict[str, Any]) -> None:
    os.write(events, json.dumps(event).encode() + b"\n")


def _become(request: Request) -> None:
    """Take on everything that a new process would have been given."""
    os.setsid()
    die_with_parent(signal.Signals(request["stop_signal"]))()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for source, target in ((os.open(os.devnull, os.O_RDONLY), 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv[1:] = request["arguments"]
    sys.path[0] = request["cwd"]
    ctypes.CDLL(None).prctl(_PR_SET_NAME, request["name"].encode()[:15], 0, 0, 0)


if __name__ == "__main__":
    main()
