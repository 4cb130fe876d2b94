"""Muting: what somebody writes is kept from one reader, and nobody else learns of it."""

from datetime import datetime
from uuid import UUID

from common.contracts import UserMuted, UserUnmuted
from common.tokens import User
from users_service.errors import SelfMute
from users_service.repositories.profiles import Card
from users_service.unit_of_work import Tx
from users_service.usecases.profiles import read_own_profile, read_profile


async def mute_user(tx: Tx, *, user: User, username: str, now: datetime) -> None:
    """Mute somebody from now on, who may go on following and being followed; twice is once.

    Raises:
        UserNotFound: Nobody has the username.
        SelfMute: It is the caller's own.
    """
    muter = await read_own_profile(tx, user=user, now=now)
    muted = await read_profile(tx, username=username)
    if muted.id == muter.id:
        raise SelfMute
    if await tx.mutes.add(muter.id, muted.id, now=now):
        event = UserMuted(muter_id=muter.id, muted_id=muted.id, muted_at=now)
        await tx.outbox.add(event, key=f"{muter.id}:{muted.id}")


async def unmute_user(tx: Tx, *, user: User, username: str, now: datetime) -> None:
    """Mute somebody no longer; nothing changes for who does not.

    Raises:
        UserNotFound: Nobody has the username.
    """
    muted = await read_profile(tx, username=username)
    if await tx.mutes.remove(user.id, muted.id):
        event = UserUnmuted(muter_id=user.id, muted_id=muted.id, unmuted_at=now)
        await tx.outbox.add(event, key=f"{user.id}:{muted.id}")


async def list_own_mutes(
    tx: Tx, *, user_id: UUID, after: tuple[datetime, UUID] | None, limit: int
) -> list[Card]:
    """List whom somebody mutes, newest first; it is theirs alone to know."""
    return await tx.mutes.list_of(user_id, after=after, limit=limit)


async def list_mutes(tx: Tx, *, after: tuple[UUID, UUID] | None, limit: int) -> list[UserMuted]:
    """List who mutes whom at present, as the event tells it."""
    mutes = await tx.mutes.list_all(after=after, limit=limit)
    return [
        UserMuted(muter_id=each.muter_id, muted_id=each.muted_id, muted_at=each.muted_at)
        for each in mutes
    ]
