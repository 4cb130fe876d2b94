"""Following: asked for twice it happens once, and is told once."""

from datetime import datetime

from common.contracts import UserFollowed, UserUnfollowed
from common.tokens import User
from users_service.errors import SelfFollow
from users_service.unit_of_work import Tx
from users_service.usecases.profiles import read_own_profile, read_profile


async def follow_user(tx: Tx, *, user: User, username: str, now: datetime) -> None:
    """Follow somebody from now on; nothing changes for who does already.

    Raises:
        UserNotFound: Nobody has the username.
        SelfFollow: It is the caller's own.
    """
    follower = await read_own_profile(tx, user=user, now=now)
    followee = await read_profile(tx, username=username)
    if followee.id == follower.id:
        raise SelfFollow
    if await tx.follows.add(follower.id, followee.id, now=now):
        event = UserFollowed(follower_id=follower.id, followee_id=followee.id, followed_at=now)
        await tx.outbox.add(event, key=f"{follower.id}:{followee.id}")


async def unfollow_user(tx: Tx, *, user: User, username: str, now: datetime) -> None:
    """Follow somebody no longer; nothing changes for who does not.

    Raises:
        UserNotFound: Nobody has the username.
    """
    followee = await read_profile(tx, username=username)
    if await tx.follows.remove(user.id, followee.id):
        event = UserUnfollowed(follower_id=user.id, followee_id=followee.id, unfollowed_at=now)
        await tx.outbox.add(event, key=f"{user.id}:{followee.id}")
