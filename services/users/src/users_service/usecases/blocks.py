"""Blocking: two people who must not meet do not follow each other, whoever of them blocks."""

from datetime import datetime
from uuid import UUID

from common.contracts import UserBlocked, UserUnblocked
from common.tokens import User
from users_service.errors import SelfBlock
from users_service.repositories.profiles import Card
from users_service.unit_of_work import Tx
from users_service.usecases.follows import end_follows
from users_service.usecases.profiles import read_own_profile, read_profile


async def block_user(tx: Tx, *, user: User, username: str, now: datetime) -> None:
    """Block somebody from now on, which ends the follows between the two; twice is once.

    Raises:
        UserNotFound: Nobody has the username.
        SelfBlock: It is the caller's own.
    """
    blocker = await read_own_profile(tx, user=user, now=now)
    blocked = await read_profile(tx, username=username)
    if blocked.id == blocker.id:
        raise SelfBlock
    await tx.blocks.lock_pair(blocker.id, blocked.id)
    if await tx.blocks.add(blocker.id, blocked.id, now=now):
        await end_follows(tx, one_id=blocker.id, other_id=blocked.id, now=now)
        event = UserBlocked(blocker_id=blocker.id, blocked_id=blocked.id, blocked_at=now)
        await tx.outbox.add(event, key=f"{blocker.id}:{blocked.id}")


async def unblock_user(tx: Tx, *, user: User, username: str, now: datetime) -> None:
    """Block somebody no longer; follows that the block ended do not come back.

    Raises:
        UserNotFound: Nobody has the username.
    """
    blocked = await read_profile(tx, username=username)
    if await tx.blocks.remove(user.id, blocked.id):
        event = UserUnblocked(blocker_id=user.id, blocked_id=blocked.id, unblocked_at=now)
        await tx.outbox.add(event, key=f"{user.id}:{blocked.id}")


async def list_own_blocks(
    tx: Tx, *, user_id: UUID, after: tuple[datetime, UUID] | None, limit: int
) -> list[Card]:
    """List whom somebody blocks, newest first; it is theirs alone to know."""
    return await tx.blocks.list_of(user_id, after=after, limit=limit)


async def list_blocks(tx: Tx, *, after: tuple[UUID, UUID] | None, limit: int) -> list[UserBlocked]:
    """List who blocks whom at present, as the event tells it."""
    blocks = await tx.blocks.list_all(after=after, limit=limit)
    return [
        UserBlocked(
            blocker_id=each.blocker_id, blocked_id=each.blocked_id, blocked_at=each.blocked_at
        )
        for each in blocks
    ]
