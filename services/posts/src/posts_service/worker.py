"""Process: posts' relay and its consumers."""

import asyncio

from common.outbox import Relay
from common.streams import consumer_loops
from common.worker import run_worker
from posts_service.consumers import HANDLERS
from posts_service.resources import open_resources
from posts_service.settings import Settings


async def run(settings: Settings) -> None:
    """Run until told to stop."""
    async with open_resources(settings) as resources:
        platform = resources.platform
        relay = Relay("posts", platform.database, platform.streams)
        consumers = consumer_loops(
            "posts",
            HANDLERS,
            transaction=resources.transaction,
            streams=platform.streams,
            peers=platform.peers,
        )
        await run_worker("posts", settings, platform, {"relay": relay.run} | consumers)


def main() -> None:
    """Run the worker as configured by the environment."""
    asyncio.run(run(Settings()))


if __name__ == "__main__":
    main()
