"""Users' events: people's cards and what they have to do with each other are copied.

So no read has to ask users.
"""

from uuid import UUID

from common.contracts import (
    ProfileChanged,
    UserBlocked,
    UserFollowed,
    UserMuted,
    UserUnblocked,
    UserUnfollowed,
    UserUnmuted,
)
from common.place import Place
from common.streams import Received
from posts_service.models import Block, Follow, Mute, Relation
from posts_service.unit_of_work import Tx
from posts_service.usecases import authors, relations


async def profile_changed(tx: Tx, event: Received[ProfileChanged]) -> None:
    await authors.copy_author(
        tx,
        user_id=event.data.user_id,
        username=event.data.username,
        display_name=event.data.display_name,
        place=event.place,
    )


async def forget_profiles(tx: Tx, place: Place) -> None:
    await authors.forget_authors(tx, place=place)


async def user_followed(tx: Tx, event: Received[UserFollowed]) -> None:
    pair = (event.data.follower_id, event.data.followee_id)
    await _copy(tx, Follow, pair, event.place, ended=False)


async def user_unfollowed(tx: Tx, event: Received[UserUnfollowed]) -> None:
    pair = (event.data.follower_id, event.data.followee_id)
    await _copy(tx, Follow, pair, event.place, ended=True)


async def user_muted(tx: Tx, event: Received[UserMuted]) -> None:
    await _copy(tx, Mute, (event.data.muter_id, event.data.muted_id), event.place, ended=False)


async def user_unmuted(tx: Tx, event: Received[UserUnmuted]) -> None:
    await _copy(tx, Mute, (event.data.muter_id, event.data.muted_id), event.place, ended=True)


async def user_blocked(tx: Tx, event: Received[UserBlocked]) -> None:
    pair = (event.data.blocker_id, event.data.blocked_id)
    await _copy(tx, Block, pair, event.place, ended=False)


async def user_unblocked(tx: Tx, event: Received[UserUnblocked]) -> None:
    pair = (event.data.blocker_id, event.data.blocked_id)
    await _copy(tx, Block, pair, event.place, ended=True)


async def forget_follows(tx: Tx, place: Place) -> None:
    await relations.forget_relations(tx, kind=Follow, place=place)


async def forget_mutes(tx: Tx, place: Place) -> None:
    await relations.forget_relations(tx, kind=Mute, place=place)


async def forget_blocks(tx: Tx, place: Place) -> None:
    await relations.forget_relations(tx, kind=Block, place=place)


async def _copy(
    tx: Tx, kind: type[Relation], pair: tuple[UUID, UUID], place: Place, *, ended: bool
) -> None:
    actor_id, target_id = pair
    await relations.copy_relation(
        tx, kind=kind, actor_id=actor_id, target_id=target_id, ended=ended, place=place
    )
