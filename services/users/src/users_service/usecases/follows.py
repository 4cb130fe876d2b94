"""Following: asked for twice it happens once, and is told once."""

from datetime import datetime
from uuid import UUID

from common.contracts import UserFollowed, UserUnfollowed
from common.tokens import User
from users_service.errors import FollowNotAllowed, SelfFollow
from users_service.unit_of_work import Tx
from users_service.usecases.profiles import read_own_profile, read_profile


async def follow_user(tx: Tx, *, user: User, username: str, now: datetime) -> None:
    """Follow somebody from now on; nothing changes for who does already.

    Raises:
        UserNotFound: Nobody has the username.
        SelfFollow: It is the caller's own.
        FollowNotAllowed: One of the two blocks the other.
    """
    follower = await read_own_profile(tx, user=user, now=now)
    followee = await read_profile(tx, username=username)
    if followee.id == follower.id:
        raise SelfFollow
    await tx.blocks.lock_pair(follower.id, followee.id)
    if await tx.blocks.between(follower.id, followee.id):
        raise FollowNotAllowed
    if await tx.follows.add(follower.id, followee.id, now=now):
        event = UserFollowed(follower_id=follower.id, followee_id=followee.id, followed_at=now)
        await tx.outbox.add(event, key=f"{follower.id}:{followee.id}")


async def list_follows(
    tx: Tx, *, after: tuple[UUID, UUID] | None, limit: int
) -> list[UserFollowed]:
    """List who follows whom at present, as the event tells it."""
    follows = await tx.follows.list_all(after=after, limit=limit)
    return [
        UserFollowed(
            follower_id=each.follower_id,
            followee_id=each.followee_id,
            followed_at=each.followed_at,
        )
        for each in follows
    ]


async def unfollow_user(tx: Tx, *, user: User, username: str, now: datetime) -> None:
    """Follow somebody no longer; nothing changes for who does not.

    Raises:
        UserNotFound: Nobody has the username.
    """
    followee = await read_profile(tx, username=username)
    if await tx.follows.remove(user.id, followee.id):
        await _report_end(tx, user.id, followee.id, now=now)


async def end_follows(tx: Tx, *, one_id: UUID, other_id: UUID, now: datetime) -> None:
    """End what two people follow of each other; each end is told as if it were asked for."""
    for follower_id, followee_id in await tx.follows.remove_between(one_id, other_id):
        await _report_end(tx, follower_id, followee_id, now=now)


async def _report_end(tx: Tx, follower_id: UUID, followee_id: UUID, *, now: datetime) -> None:
    event = UserUnfollowed(follower_id=follower_id, followee_id=followee_id, unfollowed_at=now)
    await tx.outbox.add(event, key=f"{follower_id}:{followee_id}")
