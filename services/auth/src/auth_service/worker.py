"""Process: auth's relay, answers to requests for mail, keys and audit. It consumes no events."""

from functools import partial
from typing import Final

import structlog
import uvloop

from auth_service.resources import Resources, open_resources
from auth_service.settings import Settings
from auth_service.usecases import audit, challenges, mail_requests, personal_keys, signing_keys
from common.clock import utc_now
from common.outbox import relay_loops
from common.revocations import revocation_loops
from common.supervision import beat, every
from common.worker import run_worker

FORGET_CHALLENGES_SECONDS: Final = 600.0
KEEP_KEYS_SECONDS: Final = 5.0

log = structlog.get_logger()


async def answer_mail_requests(resources: Resources) -> None:
    """Answer every request for mail that waits."""
    more = True
    while more:
        beat()
        async with resources.transaction() as tx:
            more = await mail_requests.answer_request(tx, policy=resources.mail, now=utc_now())


async def forget_challenges(resources: Resources) -> None:
    """Remove the challenges that nothing asks for any more."""
    async with resources.transaction() as tx:
        await challenges.forget_challenges(tx, now=utc_now())


async def keep_signing_keys(resources: Resources) -> None:
    """Make the keys that are missing and remove those that have done their work."""
    async with resources.transaction() as tx:
        changes = await signing_keys.keep_keys(tx, policy=resources.signing_keys, now=utc_now())
    if changes.made or changes.removed:
        log.info("signing_keys_changed", made=changes.made, removed=changes.removed)


async def forget_keys(resources: Resources) -> None:
    """Delete personal access tokens that ended long ago."""
    async with resources.transaction() as tx:
        await personal_keys.forget_keys(tx, now=utc_now())


async def chain_audit(resources: Resources) -> None:
    """Give every entry of the audit that waits its place in the chain."""
    more = True
    while more:
        beat()
        async with resources.transaction() as tx:
            end = await audit.chain_entries(tx)
        more = end is not None and end.more
        if end is not None:
            # Kept elsewhere than in the database, it shows when all of the chain is made anew.
            log.info("audit_chained", position=end.position, hash=end.hash.hex())


async def measure_audit(resources: Resources) -> None:
    """Show how far the audit's chain is."""
    async with resources.reads() as reads:
        await audit.measure_chain(reads, now=utc_now())


async def run(settings: Settings) -> None:
    """Run until told to stop."""
    async with open_resources(settings) as resources:
        platform = resources.platform
        loops = relay_loops("auth", platform.database, platform.streams)
        loops |= revocation_loops(platform.database)
        answering = partial(answer_mail_requests, resources)
        forgetting = partial(forget_challenges, resources)
        loops["forget_challenges"] = partial(every, FORGET_CHALLENGES_SECONDS, forgetting)
        loops["answer_mail_requests"] = partial(every, mail_requests.POLL_SECONDS, answering)
        keeping = partial(keep_signing_keys, resources)
        loops["keep_signing_keys"] = partial(every, KEEP_KEYS_SECONDS, keeping)
        forgetting = partial(forget_keys, resources)
        loops["forget_keys"] = partial(every, personal_keys.FORGETTING_SECONDS, forgetting)
        chaining, measuring = partial(chain_audit, resources), partial(measure_audit, resources)
        loops["chain_audit"] = partial(every, audit.POLL_SECONDS, chaining)
        loops["measure_audit"] = partial(every, audit.MEASURE_SECONDS, measuring)
        await run_worker("auth", settings, platform, loops)


def main() -> None:
    """Run the worker as configured by the environment."""
    uvloop.run(run(Settings()))


if __name__ == "__main__":
    main()
