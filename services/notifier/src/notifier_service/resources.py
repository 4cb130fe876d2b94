"""Everything a notifier process opens: the platform, the doorbell and the mail server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from common.platform import Platform, open_platform
from notifier_service.clients.auth import MailLinks
from notifier_service.clients.queue import Doorbell, open_doorbell
from notifier_service.clients.smtp import MailServer, open_mail_server
from notifier_service.settings import Settings
from notifier_service.unit_of_work import Reads, Tx
from notifier_service.usecases.emails import Sending
from notifier_service.usecases.notifications import settle_inboxes


@dataclass(frozen=True, slots=True)
class Resources:
    settings: Settings
    platform: Platform
    doorbell: Doorbell
    mail_server: MailServer

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """Open a transaction and commit it at the end; an exception rolls it back.

        Inboxes are brought in line before the commit. The doorbell rings after it: before, there
        would be nothing to find.
        """
        async with self.platform.database.transaction() as session:
            tx = Tx.of(session)
            yield tx
            await settle_inboxes(tx)
        if tx.emails.added is not None:
            self.doorbell.ring(tx.emails.added)

    @asynccontextmanager
    async def reads(self) -> AsyncIterator[Reads]:
        """Open a connection for reads of one statement each, which need no transaction."""
        async with self.platform.database.reads() as connection:
            yield Reads.of(connection)

    @property
    def sending(self) -> Sending:
        """What the senders of mail need."""
        return Sending(
            transaction=self.transaction,
            links=MailLinks(self.platform.peers["auth"]),
            server=self.mail_server,
            settings=self.settings,
        )


@asynccontextmanager
async def open_resources(settings: Settings) -> AsyncIterator[Resources]:
    """Open what every process of notifier needs, and close it at the end. Connects lazily."""
    async with (
        open_platform("notifier", settings) as platform,
        open_doorbell(settings) as doorbell,
        open_mail_server(settings) as mail_server,
    ):
        yield Resources(settings, platform, doorbell, mail_server)
