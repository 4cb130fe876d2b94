"""Everything a posts process opens: the platform, and the thread that renders Markdown."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from common.platform import Platform, open_platform
from common.shared import SharedReads
from posts_service.settings import Settings
from posts_service.unit_of_work import Reads, Tx
from posts_service.usecases.markdown import Markdown, open_markdown


@dataclass(frozen=True, slots=True)
class Resources:
    settings: Settings
    platform: Platform
    markdown: Markdown
    reads: Reads
    shared: SharedReads

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """Open a transaction and commit it at the end; an exception rolls it back."""
        async with self.platform.database.transaction() as session:
            yield Tx.of(session)


@asynccontextmanager
async def open_resources(settings: Settings) -> AsyncIterator[Resources]:
    """Open what every process of posts needs, and close it at the end."""
    async with open_platform("posts", settings) as platform, open_markdown() as markdown:
        reads, shared = Reads.of(platform.database.direct), SharedReads(settings.shared_seconds)
        yield Resources(settings, platform, markdown, reads, shared)
