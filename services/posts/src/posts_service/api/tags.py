"""Tags that are popular at present; `GET /api/v1/posts?tag=` lists the posts of one."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response

from common.http.pagination import DEFAULT_LIMIT, MAX_LIMIT
from common.http.rendering import agree, json_response
from common.http.routes import HotRoute
from posts_service.api.dependencies import ForReading, WithResources
from posts_service.api.schemas.tags import TagList, TagRead
from posts_service.repositories.tags import TagDocument
from posts_service.usecases import tags

router = APIRouter(prefix="/api/v1/tags", tags=["tags"], route_class=HotRoute)


agree(TagRead, TagDocument)


@router.get("", response_model=TagList)
async def list_tags(
    reads: ForReading,
    resources: WithResources,
    limit: Annotated[
        int, Query(ge=1, le=MAX_LIMIT, description="Most items in the answer.")
    ] = DEFAULT_LIMIT,
) -> Response:
    """List the tags that most of the newest posts carry, the most frequent ones first."""
    read = partial(tags.list_popular_tags, reads, limit=limit)
    found = await resources.shared.get(("tags", limit), read)
    headers = {"Cache-Control": found.cache_control}
    return json_response({"items": found.value}, headers=headers)
