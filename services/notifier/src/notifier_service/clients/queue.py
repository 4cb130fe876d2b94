"""Celery's queues: how both ends are set up, and the doorbell that asks for work by task name.

A task carries nothing and may be lost or repeated: what is to be done stands in PostgreSQL.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog
from celery import Celery
from prometheus_client import Counter

from notifier_service.settings import Settings

DRAIN_EMAILS: Final = "notifier.drain_emails"
TICK: Final = "notifier.tick"
QUEUES: Final = {DRAIN_EMAILS: "mail", TICK: "jobs"}
RING_SECONDS: Final = 0.2

log = structlog.get_logger()
rings_total = Counter("notifier_doorbell_rings_total", "Tasks sent to Celery.", ["outcome"])


def make_celery(settings: Settings, *, socket_seconds: float, **transport: Any) -> Celery:
    """Return the Celery app as all who use the queues set it up; it connects when it is used.

    Args:
        settings: Where the broker is.
        socket_seconds: Longest wait for it.
        transport: Further options of its transport.
    """
    app = Celery("notifier", set_as_current=False)
    app.conf.update(
        broker_url=settings.broker_url.get_secret_value(),
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "visibility_timeout": 180,
            # A dead worker's tasks come back when their visibility ends, not 90 s later.
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "socket_timeout": socket_seconds,
            "socket_connect_timeout": socket_seconds,
            "socket_keepalive": True,
            **transport,
        },
        task_routes={task: {"queue": queue} for task, queue in QUEUES.items()},
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
    )
    return app


class Doorbell:
    """Tells Celery that there is mail. A ring that fails is counted; the safety net hears it."""

    def __init__(self, celery: Celery, thread: ThreadPoolExecutor) -> None:
        self._celery = celery
        self._thread = thread
        self._ringing: asyncio.Task[None] | None = None
        self._next: Mapping[str, str] | None = None
        self.unheard = False

    def ring(self, headers: Mapping[str, str]) -> None:
        """Ask for a drain, without waiting; rings during a ring become one more.

        Args:
            headers: The trace in which the task goes on; of rings that become one, the last counts.
        """
        self._next = headers
        if self._ringing is None or self._ringing.done():
            self._ringing = asyncio.create_task(self._ring())

    async def rung(self) -> None:
        """Wait until nothing of what `ring` has begun goes on, in the thread either."""
        if self._ringing is not None:
            await self._ringing
        await asyncio.get_running_loop().run_in_executor(self._thread, int)

    async def _ring(self) -> None:
        while (headers := self._next) is not None:
            self._next = None
            try:
                async with asyncio.timeout(RING_SECONDS):
                    loop = asyncio.get_running_loop()
                    await loop.run_in_executor(self._thread, self._send, headers)
            except Exception as error:  # noqa: BLE001 — whatever the broker does, the row waits.
                self.unheard = True
                log.warning("doorbell_unheard", reason=type(error).__name__)
            else:
                self.unheard = False
            rings_total.labels("unheard" if self.unheard else "heard").inc()

    def _send(self, headers: Mapping[str, str]) -> Any:
        return self._celery.send_task(DRAIN_EMAILS, headers=dict(headers), retry=False)


@asynccontextmanager
async def open_doorbell(settings: Settings) -> AsyncIterator[Doorbell]:
    """Open the doorbell of one process; it connects when it first rings."""
    celery = make_celery(settings, socket_seconds=RING_SECONDS, max_retries=0)
    # One thread: a broker that hangs holds up the next ring and nothing else.
    thread = ThreadPoolExecutor(1, thread_name_prefix="doorbell")
    thread.submit(_load, celery)
    doorbell = Doorbell(celery, thread)
    try:
        yield doorbell
    finally:
        await doorbell.rung()
        thread.shutdown(wait=False, cancel_futures=True)
        celery.close()


def _load(celery: Celery) -> Any:
    """Load what Celery imports on its first use, which takes longer than a ring may."""
    return celery.amqp.producer_pool, celery.connection_for_write().transport
