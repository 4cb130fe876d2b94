"""Everything an auth process opens: the platform, and what it signs and hashes with."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from auth_service.settings import Settings
from auth_service.unit_of_work import Reads, Tx
from auth_service.usecases.keys import AccessTokenSigner
from auth_service.usecases.links import LinkSigner
from auth_service.usecases.mail_requests import MailPolicy
from auth_service.usecases.passwords import Passwords, open_passwords
from auth_service.usecases.sessions import SessionPolicy
from common.platform import Platform, open_platform


@dataclass(frozen=True, slots=True)
class Resources:
    settings: Settings
    platform: Platform
    passwords: Passwords
    links: LinkSigner
    sessions: SessionPolicy
    mail: MailPolicy

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """Open a transaction and commit it at the end; an exception rolls it back."""
        async with self.platform.database.transaction() as session:
            yield Tx.of(session)

    @asynccontextmanager
    async def reads(self) -> AsyncIterator[Reads]:
        """Open a connection for reads of one statement each, which need no transaction."""
        async with self.platform.database.reads() as connection:
            yield Reads.of(connection)


@asynccontextmanager
async def open_resources(settings: Settings) -> AsyncIterator[Resources]:
    """Open what every process of auth needs, and close it at the end."""
    signer = AccessTokenSigner.of(settings)
    secret = settings.link_secret.get_secret_value().encode()
    policy = SessionPolicy(
        signer=signer,
        secret=secret,
        refresh_life=timedelta(seconds=settings.refresh_token_seconds),
        refresh_grace=timedelta(seconds=settings.refresh_grace_seconds),
        session_life=timedelta(seconds=settings.session_seconds),
    )
    mail = MailPolicy(
        verification_life=timedelta(seconds=settings.verification_link_seconds),
        link_life=timedelta(seconds=settings.mail_link_seconds),
        interval=timedelta(seconds=settings.mail_interval_seconds),
    )
    async with open_platform("auth", settings) as platform, open_passwords(settings) as passwords:
        # Auth knows its keys; every other service fetches them.
        platform.user_tokens.use_keys(signer.public_keys())
        yield Resources(
            settings, platform, passwords, LinkSigner(secret, settings.public_url), policy, mail
        )
