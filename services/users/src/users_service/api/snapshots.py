"""Users' present state, for services whose copies have fallen behind the log."""

from collections.abc import Sequence
from uuid import UUID

from fastapi import Request

from common.contracts import ProfileChanged, UserBlocked, UserFollowed, UserMuted
from common.http.snapshots import Snapshot, snapshot_router
from users_service.api.dependencies import resources_of
from users_service.usecases import blocks, follows, mutes, profiles


async def _read_cards(
    request: Request, after: Sequence[UUID] | None, limit: int
) -> list[ProfileChanged]:
    async with resources_of(request).transaction() as tx:
        return await profiles.list_cards(tx, after=after[0] if after else None, limit=limit)


async def _read_follows(
    request: Request, after: Sequence[UUID] | None, limit: int
) -> list[UserFollowed]:
    async with resources_of(request).transaction() as tx:
        return await follows.list_follows(tx, after=_pair(after), limit=limit)


async def _read_blocks(
    request: Request, after: Sequence[UUID] | None, limit: int
) -> list[UserBlocked]:
    async with resources_of(request).transaction() as tx:
        return await blocks.list_blocks(tx, after=_pair(after), limit=limit)


async def _read_mutes(
    request: Request, after: Sequence[UUID] | None, limit: int
) -> list[UserMuted]:
    async with resources_of(request).transaction() as tx:
        return await mutes.list_mutes(tx, after=_pair(after), limit=limit)


def _pair(after: Sequence[UUID] | None) -> tuple[UUID, UUID] | None:
    return (after[0], after[-1]) if after else None


router = snapshot_router(
    {
        ProfileChanged: Snapshot(_read_cards, lambda card: [card.user_id]),
        UserFollowed: Snapshot(
            _read_follows, lambda follow: [follow.follower_id, follow.followee_id]
        ),
        UserBlocked: Snapshot(_read_blocks, lambda block: [block.blocker_id, block.blocked_id]),
        UserMuted: Snapshot(_read_mutes, lambda mute: [mute.muter_id, mute.muted_id]),
    }
)
