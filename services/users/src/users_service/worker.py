"""Process: users' relay and its consumers."""

import uvloop

from common.outbox import relay_loops
from common.revocations import revocation_loops
from common.streams import consumer_loops
from common.worker import run_worker
from users_service.consumers import COPIES, HANDLERS
from users_service.resources import open_resources
from users_service.settings import Settings


async def run(settings: Settings) -> None:
    """Run until told to stop."""
    async with open_resources(settings) as resources:
        platform = resources.platform
        producing = relay_loops("users", platform.database, platform.streams)
        consumers = consumer_loops(
            "users",
            HANDLERS,
            COPIES,
            transaction=resources.transaction,
            streams=platform.streams,
            peers=platform.peers,
        )
        forgetting = revocation_loops(platform.database)
        await run_worker("users", settings, platform, producing | consumers | forgetting)


def main() -> None:
    """Run the worker as configured by the environment."""
    uvloop.run(run(Settings()))


if __name__ == "__main__":
    main()
