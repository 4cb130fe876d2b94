"""Process: auth's relay, and who answers requests for mail. It consumes no events."""

from functools import partial

import uvloop

from auth_service.resources import Resources, open_resources
from auth_service.settings import Settings
from auth_service.usecases import mail_requests
from common.clock import utc_now
from common.outbox import relay_loops
from common.revocations import revocation_loops
from common.supervision import beat, every
from common.worker import run_worker


async def answer_mail_requests(resources: Resources) -> None:
    """Answer every request for mail that waits."""
    more = True
    while more:
        beat()
        async with resources.transaction() as tx:
            more = await mail_requests.answer_request(tx, policy=resources.mail, now=utc_now())


async def run(settings: Settings) -> None:
    """Run until told to stop."""
    async with open_resources(settings) as resources:
        platform = resources.platform
        loops = relay_loops("auth", platform.database, platform.streams)
        loops |= revocation_loops(platform.database)
        answering = partial(answer_mail_requests, resources)
        loops["answer_mail_requests"] = partial(every, mail_requests.POLL_SECONDS, answering)
        await run_worker("auth", settings, platform, loops)


def main() -> None:
    """Run the worker as configured by the environment."""
    uvloop.run(run(Settings()))


if __name__ == "__main__":
    main()
