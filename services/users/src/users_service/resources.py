"""Everything a users process opens: the platform."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from common.platform import Platform, open_platform
from users_service.settings import Settings
from users_service.unit_of_work import Tx


@dataclass(frozen=True, slots=True)
class Resources:
    settings: Settings
    platform: Platform

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """Open a transaction and commit it at the end; an exception rolls it back."""
        async with self.platform.database.transaction() as session:
            yield Tx.of(session)


@asynccontextmanager
async def open_resources(settings: Settings) -> AsyncIterator[Resources]:
    """Open what every process of users needs, and close it at the end."""
    async with open_platform("users", settings) as platform:
        yield Resources(settings, platform)
