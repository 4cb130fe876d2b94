"""Users' events: a copy of who follows whom."""

from common.clock import utc_now
from common.contracts import UserFollowed, UserUnfollowed
from common.place import Place
from common.streams import Received
from notifier_service.unit_of_work import Tx
from notifier_service.usecases import follows


async def user_followed(tx: Tx, event: Received[UserFollowed]) -> None:
    follows.begin_follow(
        tx,
        follower_id=event.data.follower_id,
        followee_id=event.data.followee_id,
        since=event.data.followed_at,
        place=event.place,
    )


async def user_unfollowed(tx: Tx, event: Received[UserUnfollowed]) -> None:
    follows.end_follow(
        tx,
        follower_id=event.data.follower_id,
        followee_id=event.data.followee_id,
        until=event.data.unfollowed_at,
        place=event.place,
    )


async def known_follow(tx: Tx, event: Received[UserFollowed]) -> None:
    follows.copy_follow(
        tx,
        follower_id=event.data.follower_id,
        followee_id=event.data.followee_id,
        since=event.data.followed_at,
        place=event.place,
    )


async def forget_follows(tx: Tx, place: Place) -> None:
    await follows.forget_follows(tx, place=place, now=utc_now())
