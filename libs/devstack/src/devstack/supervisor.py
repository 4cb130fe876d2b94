"""Starts the parts of a stack, each when what it needs is ready, and stops them in reverse.

It runs until it is told to stop, or until a part fails its first start.
"""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from watchfiles import PythonFilter, awatch

from devstack.board import Board, now
from devstack.keeper import Keeper, StartFailed
from devstack.layout import Layout
from devstack.parts import Part, in_order
from devstack.processes import end, marked
from devstack.settings import StackSettings
from devstack.spawning import Nursery, Running
from devstack.topology import build_parts, external_servers

LARGEST_LOG_BYTES = 32 * 1024 * 1024


class StopRequested(Exception):
    """Somebody asked the supervisor to stop."""


class Supervisor:
    """The keepers of all parts; `reload` restarts parts whose sources change."""

    def __init__(
        self, layout: Layout, parts: Sequence[Part], facts: Mapping[str, Any], *, reload: bool
    ) -> None:
        self._board = Board(layout, parts, facts)
        self._keepers = {
            part.name: Keeper(part, layout.log(part.name), self._board, self._spawn)
            for part in in_order(parts)
        }
        self._shared = layout.root / "libs" / "common" / "src"
        self._nursery_log = layout.log("nursery")
        self._nursery = Nursery(self._nursery_log)
        self._logs = [layout.log(part.name) for part in parts]
        self._reload = reload
        self._told = asyncio.Event()

    async def run(self) -> StartFailed | None:
        """Keep everything running; return what failed, or None when told to stop."""
        for request in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(request, self._told.set)
        self._board.declare(state="starting", supervisor=os.getpid(), started_at=now())
        failure: StartFailed | None = None
        try:
            await self._open_nursery()
            await self._keep_all()
        except* StopRequested:
            self._board.declare(state="stopping")
        except* StartFailed as group:
            failure = _first(group)
            self._board.declare(state="failing", failure=_explained(failure))
        finally:
            await asyncio.gather(*(self._stop_in_turn(each) for each in self._keepers.values()))
            await self._nursery.close()
        self._board.declare(state="failed" if failure else "down")
        return failure

    async def _keep_all(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._until_told())
            group.create_task(self._announce())
            group.create_task(self._trim_logs())
            if self._reload:
                group.create_task(self._restart_changed())
            for keeper in self._keepers.values():
                group.create_task(self._keep(keeper))

    async def _keep(self, keeper: Keeper) -> None:
        for need in keeper.part.needs:
            await self._keepers[need].ready.wait()
        await keeper.keep()

    async def _until_told(self) -> None:
        await self._told.wait()
        raise StopRequested

    async def _announce(self) -> None:
        for keeper in self._keepers.values():
            await keeper.ready.wait()
        self._board.declare(state="up")

    async def _stop_in_turn(self, keeper: Keeper) -> None:
        for other in self._keepers.values():
            if keeper.part.name in other.part.needs:
                await other.stopped.wait()
        await keeper.stop()

    async def _restart_changed(self) -> None:
        folders = {folder for each in self._keepers.values() for folder in each.part.sources}
        async for changes in awatch(*folders, watch_filter=PythonFilter()):
            changed = {Path(path) for _, path in changes}
            concerned = [each for each in self._keepers.values() if _concerns(each.part, changed)]
            outdated = self._nursery
            renewed = any(path.is_relative_to(self._shared) for path in changed)
            if renewed:
                await self._open_nursery()
            await asyncio.gather(*(keeper.restart() for keeper in concerned))
            if renewed:
                await outdated.close()

    async def _open_nursery(self) -> None:
        self._nursery = Nursery(self._nursery_log)
        if any(keeper.part.forked for keeper in self._keepers.values()):
            await self._nursery.open()

    async def _spawn(self, part: Part, log: Path) -> Running:
        return await self._nursery.spawn(part, log)

    async def _trim_logs(self) -> None:
        """Keep a log that grew too large once more as `.1`; its writers append to an empty one."""
        while True:
            for log in self._logs:
                if log.exists() and log.stat().st_size > LARGEST_LOG_BYTES:
                    shutil.copyfile(log, _previous(log))
                    os.truncate(log, 0)
            await asyncio.sleep(60)


def main() -> int:
    """`python -m devstack.supervisor [--reload]`: run the stack of the current layout."""
    layout, settings = Layout.current(), StackSettings.read()
    parts = build_parts(layout, settings)
    for name in ("nursery", *(part.name for part in parts)):
        log = layout.log(name)
        if log.exists():
            log.rename(_previous(log))
    facts = {
        "root": str(layout.root),
        "guard": os.getppid(),
        "gateway_url": settings.gateway_url,
        "mailbox_url": settings.mailbox_url,
        "external": external_servers(settings),
        "failure": None,
    }
    failure = asyncio.run(_run(layout, parts, facts))
    # What left its part's session; the guard would end it, unless the guard was killed.
    family = (os.getpid(), os.getppid())
    end(process for process in marked(layout.marker) if process.pid not in family)
    return 1 if failure else 0


async def _run(
    layout: Layout, parts: Sequence[Part], facts: Mapping[str, Any]
) -> StartFailed | None:
    return await Supervisor(layout, parts, facts, reload="--reload" in sys.argv).run()


def _first(group: ExceptionGroup[StartFailed]) -> StartFailed:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, ExceptionGroup) else first


def _explained(failure: StartFailed) -> dict[str, str]:
    return {"part": failure.part.name, "reason": failure.reason, "hint": failure.part.hint}


def _concerns(part: Part, changed: Iterable[Path]) -> bool:
    return any(path.is_relative_to(source) for path in changed for source in part.sources)


def _previous(log: Path) -> Path:
    return log.with_name(f"{log.name}.1")


if __name__ == "__main__":
    sys.exit(main())
