"""Process: Celery's worker, which sends mail and runs jobs, or its clock (`beat`).

`python -m notifier_service.celery_app worker` or `beat`. Importing this opens nothing.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Final

import structlog
from celery import Celery, Task
from celery.signals import setup_logging, worker_process_init, worker_process_shutdown

from common import logs, trace
from common.errors import Unavailable
from common.telemetry import open_telemetry
from notifier_service.clients.queue import QUEUES, TICK, make_celery
from notifier_service.resources import Resources, open_resources
from notifier_service.settings import Settings
from notifier_service.tasks import TASKS

# Longer than a worker waits for the next task before it asks anew (1 s).
SOCKET_SECONDS: Final = 10.0
TICK_SECONDS: Final = 10.0
# Well above the longest drain, well below the visibility timeout: no task is given out twice.
HARD_LIMIT_SECONDS: Final = 120
SOFT_SHUTDOWN_SECONDS: Final = 20.0

log = structlog.get_logger()

type Work = Callable[[Resources], Awaitable[None]]


class Child:
    """One process of Celery's pool: a single event loop, and resources that live in it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opened = AsyncExitStack()
        self._runner: asyncio.Runner | None = None
        self._resources: Resources | None = None

    def open(self, **_: Any) -> None:
        """Open what tasks need; Celery calls it when a process of the pool starts."""
        self._runner = asyncio.Runner()
        self._resources = self._runner.run(self._enter())

    def close(self, **_: Any) -> None:
        """Close it again; Celery calls it when the process ends in good order."""
        if self._runner is not None:
            self._runner.run(self._opened.aclose())
            self._runner.close()

    def run(self, task: Task, work: Work) -> None:
        """Do the work of one task. What is unavailable is left to the next tick."""
        if self._runner is None or self._resources is None:
            raise RuntimeError("The process of the pool was not opened.")
        self._runner.run(_traced(task, work, self._resources))

    async def _enter(self) -> Resources:
        telemetry = open_telemetry(self._settings, "notifier", "celery")
        await self._opened.enter_async_context(telemetry)
        return await self._opened.enter_async_context(open_resources(self._settings))


async def _traced(task: Task, work: Work, resources: Resources) -> None:
    headers = task.request.headers or {}
    with trace.span(f"process {task.name}", trace.SpanKind.CONSUMER, headers) as span:
        if span.is_recording():
            span.set_attributes(_attributes(task))
        try:
            await work(resources)
        except Unavailable as error:
            trace.fail(span, error)
            log.warning("task_unavailable", reason=str(error))


def _attributes(task: Task) -> dict[str, str]:
    return {
        "messaging.system": "celery",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": QUEUES[task.name],
        "messaging.message.id": str(task.request.id),
    }


def create_celery(settings: Settings) -> Celery:
    """Return Celery with its tasks and schedule, and connect its signals to this process."""
    app = make_celery(settings, socket_seconds=SOCKET_SECONDS)
    app.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_time_limit=HARD_LIMIT_SECONDS,
        worker_concurrency=settings.celery_concurrency,
        worker_prefetch_multiplier=1,
        worker_soft_shutdown_timeout=SOFT_SHUTDOWN_SECONDS,
        # A task that outlives the broker is only repeated; a killed one may repeat a mail.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_enable_remote_control=False,
        worker_redirect_stdouts=False,
        beat_scheduler="celery.beat:Scheduler",
        beat_schedule={
            TICK: {"task": TICK, "schedule": TICK_SECONDS, "options": {"expires": TICK_SECONDS}}
        },
    )
    child = Child(settings)
    worker_process_init.connect(child.open, weak=False)
    worker_process_shutdown.connect(child.close, weak=False)
    for name, work in TASKS.items():
        app.task(_task(child, work), name=name, bind=True)
    return app


def _task(child: Child, work: Work) -> Callable[[Task], None]:
    def run(task: Task) -> None:
        child.run(task, work)

    return run


def main() -> None:
    """Run `worker` or `beat` until told to stop."""
    # Celery reads it when it loads its worker: SIGTERM then gives running tasks their 20 s.
    os.environ["REMAP_SIGTERM"] = "SIGQUIT"
    settings = Settings()
    app = create_celery(settings)

    def configure_logs(**_: Any) -> None:
        logs.configure(settings, "notifier")

    # A receiver keeps Celery from setting up logs of its own.
    setup_logging.connect(configure_logs, weak=False)
    match sys.argv[1:]:
        case ["worker"]:
            queues = ",".join(sorted(set(QUEUES.values())))
            quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
            app.start(["--quiet", "worker", "--queues", queues, *quiet])
        case ["beat"]:
            app.start(["--quiet", "beat"])
        case _:
            sys.exit("usage: python -m notifier_service.celery_app worker|beat")


if __name__ == "__main__":
    main()
