"""Everything an auth process opens: the platform, and what it signs and hashes with."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

import structlog
from prometheus_client import Gauge

from auth_service.repositories.audit import Origin
from auth_service.repositories.logins import Logins
from auth_service.settings import Settings
from auth_service.unit_of_work import Reads, Tx
from auth_service.usecases.challenges import Prover
from auth_service.usecases.key_ring import KeyRing
from auth_service.usecases.keys import AccessTokenSigner
from auth_service.usecases.links import LinkSigner
from auth_service.usecases.mail_requests import MailPolicy
from auth_service.usecases.passwords import Passwords, open_passwords
from auth_service.usecases.personal_keys import PersonalKeyPolicy
from auth_service.usecases.sessions import SessionPolicy
from auth_service.usecases.signing_keys import KeyPolicy, keep_keys
from auth_service.usecases.usernames import Usernames
from common.clock import utc_now
from common.errors import Unavailable
from common.platform import Platform, open_platform
from common.supervision import every

READ_KEYS_SECONDS: Final = 1.0

due_at = Gauge(
    "colonnade_signing_key_due_timestamp_seconds", "When the key that signs should be replaced."
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Resources:
    settings: Settings
    platform: Platform
    logins: Logins
    passwords: Passwords
    usernames: Usernames
    links: LinkSigner
    sessions: SessionPolicy
    personal_keys: PersonalKeyPolicy
    mail: MailPolicy
    signing_keys: KeyPolicy
    ring: KeyRing
    prover: Prover

    @asynccontextmanager
    async def transaction(self, origin: Origin | None = None) -> AsyncIterator[Tx]:
        """Open a transaction and commit it at the end; an exception rolls it back."""
        async with self.platform.database.transaction() as session:
            yield Tx.of(session, origin)

    @asynccontextmanager
    async def reads(self) -> AsyncIterator[Reads]:
        """Open a connection for reads of one statement each, which need no transaction."""
        async with self.platform.database.reads() as connection:
            yield Reads.of(connection)


@asynccontextmanager
async def open_resources(settings: Settings) -> AsyncIterator[Resources]:
    """Open what every process of auth needs, and close it at the end."""
    keys = KeyPolicy.of(settings)
    ring = KeyRing(keys.sealer)
    secret = settings.link_secret.get_secret_value().encode()
    policy = SessionPolicy(
        signer=AccessTokenSigner(
            ring.signing_key,
            settings.token_issuer,
            settings.token_audience,
            settings.access_token_seconds,
        ),
        secret=secret,
        refresh_life=timedelta(seconds=settings.refresh_token_seconds),
        refresh_grace=timedelta(seconds=settings.refresh_grace_seconds),
        session_life=timedelta(seconds=settings.session_seconds),
        recent_life=timedelta(seconds=settings.recent_seconds),
    )
    personal_keys = PersonalKeyPolicy(
        most=settings.personal_keys_per_account,
        longest=timedelta(days=settings.personal_key_days),
        services=sorted(settings.peers),
    )
    mail = MailPolicy(
        verification_life=timedelta(seconds=settings.verification_link_seconds),
        link_life=timedelta(seconds=settings.mail_link_seconds),
        interval=timedelta(seconds=settings.mail_interval_seconds),
    )
    async with open_platform("auth", settings) as platform, open_passwords(settings) as passwords:
        links = LinkSigner(secret, settings.public_url)
        resources = Resources(
            settings,
            platform,
            Logins(platform.database.direct),
            passwords,
            Usernames(settings.product_name),
            links,
            policy,
            personal_keys,
            mail,
            keys,
            ring,
            Prover(links, mail.link_life),
        )
        try:
            await read_signing_keys(resources)
        except Unavailable as error:
            log.warning("signing_keys_unread", reason=str(error))
        yield resources


async def watch_signing_keys(resources: Resources) -> None:
    """Read for ever which keys there are, so that no request does."""
    await every(READ_KEYS_SECONDS, partial(read_signing_keys, resources))


async def read_signing_keys(resources: Resources) -> None:
    """Take the stored keys into memory; who finds none makes the first.

    Auth verifies with what it reads here; every other service fetches it.

    Raises:
        Unavailable: PostgreSQL does not answer; what was known stays in use.
    """
    async with resources.reads() as reads:
        stored = await reads.signing_keys.list_all()
    if not stored:
        async with resources.transaction() as tx:
            await keep_keys(tx, policy=resources.signing_keys, now=utc_now())
        async with resources.reads() as reads:
            stored = await reads.signing_keys.list_all()
    # Somebody emptied the table meanwhile: what is known stays in use until there are keys again.
    if stored and resources.ring.use(stored):
        resources.platform.user_tokens.use_keys(resources.ring.public_keys())
    since = resources.ring.active_since(utc_now())
    due_at.set((since + resources.signing_keys.period).timestamp())
