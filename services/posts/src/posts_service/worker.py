"""Process: posts' relay, its consumers, and the end of the answers that it keeps."""

import uvloop

from common.idempotency import answer_loops
from common.outbox import relay_loops
from common.revocations import revocation_loops
from common.streams import consumer_loops
from common.worker import run_worker
from posts_service.consumers import COPIES, HANDLERS
from posts_service.resources import open_resources
from posts_service.settings import Settings


async def run(settings: Settings) -> None:
    """Run until told to stop."""
    async with open_resources(settings) as resources:
        platform = resources.platform
        producing = relay_loops("posts", platform.database, platform.streams)
        consumers = consumer_loops(
            "posts",
            HANDLERS,
            COPIES,
            transaction=resources.transaction,
            streams=platform.streams,
            peers=platform.peers,
        )
        forgetting = answer_loops(platform.database) | revocation_loops(platform.database)
        await run_worker("posts", settings, platform, producing | consumers | forgetting)


def main() -> None:
    """Run the worker as configured by the environment."""
    uvloop.run(run(Settings()))


if __name__ == "__main__":
    main()
