"""One transaction's view of users: its session, repositories and outbox. It cannot commit."""

from dataclasses import dataclass
from typing import Self

from sqlalchemy.ext.asyncio import AsyncSession

from common.outbox import Outbox
from users_service.repositories.blocks import Blocks
from users_service.repositories.follows import Follows
from users_service.repositories.mutes import Mutes
from users_service.repositories.profiles import Profiles


@dataclass(frozen=True, slots=True)
class Tx:
    session: AsyncSession
    outbox: Outbox
    profiles: Profiles
    follows: Follows
    blocks: Blocks
    mutes: Mutes

    @classmethod
    def of(cls, session: AsyncSession) -> Self:
        """Bind the repositories to a session that somebody else commits."""
        return cls(
            session,
            Outbox(session),
            Profiles(session),
            Follows(session),
            Blocks(session),
            Mutes(session),
        )
