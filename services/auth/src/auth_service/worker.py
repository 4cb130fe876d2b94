"""Process: auth's relay. It consumes no events."""

import uvloop

from auth_service.resources import open_resources
from auth_service.settings import Settings
from common.outbox import relay_loops
from common.worker import run_worker


async def run(settings: Settings) -> None:
    """Run until told to stop."""
    async with open_resources(settings) as resources:
        platform = resources.platform
        producing = relay_loops("auth", platform.database, platform.streams)
        await run_worker("auth", settings, platform, producing)


def main() -> None:
    """Run the worker as configured by the environment."""
    uvloop.run(run(Settings()))


if __name__ == "__main__":
    main()
