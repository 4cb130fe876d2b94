"""Process: notifier's consumers, and the safety net that sends mail which Celery left."""

import asyncio
from datetime import timedelta
from functools import partial
from typing import Final

import uvloop

from common.revocations import revocation_loops
from common.streams import consumer_loops
from common.supervision import beat
from common.worker import run_worker
from notifier_service.consumers import COPIES, HANDLERS
from notifier_service.resources import Resources, open_resources
from notifier_service.settings import Settings
from notifier_service.usecases.emails import drain_emails

CHECK_SECONDS: Final = 1.0
OVERDUE: Final = timedelta(seconds=10)
OVERDUE_WITHOUT_BROKER: Final = timedelta(seconds=1)


async def drain_overdue(resources: Resources) -> None:
    """Send, for ever, what Celery should have sent by now; sooner while it cannot be told."""
    while True:
        beat()
        unheard = resources.doorbell.unheard
        overdue = OVERDUE_WITHOUT_BROKER if unheard else OVERDUE
        await drain_emails(resources.sending, overdue=overdue)
        await asyncio.sleep(CHECK_SECONDS)


async def run(settings: Settings) -> None:
    """Run until told to stop."""
    async with open_resources(settings) as resources:
        platform = resources.platform
        loops = consumer_loops(
            "notifier",
            HANDLERS,
            COPIES,
            transaction=resources.transaction,
            streams=platform.streams,
            peers=platform.peers,
        )
        loops |= revocation_loops(platform.database)
        loops["drain_overdue"] = partial(drain_overdue, resources)
        await run_worker("notifier", settings, platform, loops)


def main() -> None:
    """Run the worker as configured by the environment."""
    uvloop.run(run(Settings()))


if __name__ == "__main__":
    main()
