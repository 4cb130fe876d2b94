"""Tags that are popular at present; `GET /api/v1/posts?tag=` lists the posts of one."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from common.http.pagination import DEFAULT_LIMIT, MAX_LIMIT
from common.http.routes import HotRoute
from posts_service.api.dependencies import ForReading
from posts_service.api.schemas.tags import TagList, TagRead
from posts_service.usecases import tags

router = APIRouter(prefix="/api/v1/tags", tags=["tags"], route_class=HotRoute)


@router.get("")
async def list_tags(
    reads: ForReading,
    response: Response,
    limit: Annotated[
        int, Query(ge=1, le=MAX_LIMIT, description="Most items in the answer.")
    ] = DEFAULT_LIMIT,
) -> TagList:
    """List the tags that most of the newest posts carry, the most frequent ones first."""
    found = await tags.list_popular_tags(reads, limit=limit)
    # The same for everybody.
    response.headers["Cache-Control"] = "public, max-age=1"
    return TagList(items=[TagRead.model_validate(each) for each in found])
