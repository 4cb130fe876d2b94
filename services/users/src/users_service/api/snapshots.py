"""Users' present state, for services whose copies have fallen behind the log."""

from collections.abc import Sequence
from uuid import UUID

from fastapi import Request

from common.contracts import ProfileChanged, UserFollowed
from common.http.snapshots import Snapshot, snapshot_router
from users_service.api.dependencies import resources_of
from users_service.usecases import follows, profiles


async def _read_cards(
    request: Request, after: Sequence[UUID] | None, limit: int
) -> list[ProfileChanged]:
    async with resources_of(request).transaction() as tx:
        return await profiles.list_cards(tx, after=after[0] if after else None, limit=limit)


async def _read_follows(
    request: Request, after: Sequence[UUID] | None, limit: int
) -> list[UserFollowed]:
    key = (after[0], after[-1]) if after else None
    async with resources_of(request).transaction() as tx:
        return await follows.list_follows(tx, after=key, limit=limit)


router = snapshot_router(
    {
        ProfileChanged: Snapshot(_read_cards, lambda card: [card.user_id]),
        UserFollowed: Snapshot(
            _read_follows, lambda follow: [follow.follower_id, follow.followee_id]
        ),
    }
)
