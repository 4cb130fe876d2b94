"""The home feed of who asks."""

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from common.http.dependencies import CurrentUser
from common.http.etag import Conditions
from common.http.pagination import Page, Pagination
from common.http.routes import HotRoute
from posts_service.api.dependencies import ForReading
from posts_service.api.schemas.posts import PostSummary
from posts_service.usecases import feed

router = APIRouter(prefix="/api/v1/feed", tags=["feed"], route_class=HotRoute)

_NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    304: {"description": "The client holds this representation."}
}
_LIST = "feed"


@router.get("", response_model=Page[PostSummary], responses=_NOT_MODIFIED)
async def read_feed(
    reads: ForReading, user: CurrentUser, page: Pagination, conditions: Conditions
) -> Response:
    """List posts of whom the caller follows, newest first."""
    after = page.after(_LIST, datetime, UUID)
    rows = await feed.read_feed(reads, reader_id=user.id, after=after, limit=page.fetch)
    return page.answer(
        rows,
        kind=_LIST,
        key=lambda post: (post.document["published_at"], post.document["id"]),
        conditions=conditions,
    )
