"""Posts' present state, for services whose copies have fallen behind the log."""

from collections.abc import Sequence
from uuid import UUID

from fastapi import Request

from common.contracts import PostPublished
from common.http.snapshots import Snapshot, snapshot_router
from posts_service.api.dependencies import resources_of
from posts_service.usecases import posts


async def _read_publications(
    request: Request, after: Sequence[UUID] | None, limit: int
) -> list[PostPublished]:
    async with resources_of(request).transaction() as tx:
        return await posts.list_publications(tx, after=after[0] if after else None, limit=limit)


router = snapshot_router({PostPublished: Snapshot(_read_publications, lambda post: [post.post_id])})
