"""Posts: written by their authors, read by everybody once published."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response, status

from common.clock import utc_now
from common.http.dependencies import CurrentUser, OptionalUser
from common.http.etag import (
    REVALIDATE,
    Conditions,
    Preconditions,
    etag,
    not_modified,
    tag_headers,
)
from common.http.idempotency import IdempotentRoute
from common.http.pagination import Page, Pagination
from common.http.rendering import agree, json_response
from common.shared import Shared
from posts_service.api.dependencies import (
    ForNewPosts,
    ForReading,
    IdOrSlug,
    InTransaction,
    WithResources,
)
from posts_service.api.schemas.posts import PostCreate, PostRead, PostSummary, PostUpdate, Tag
from posts_service.models import PostStatus
from posts_service.repositories.posts import (
    PostDocument,
    PostSummaryDocument,
    PostSummaryView,
    PostVersion,
    PostView,
)
from posts_service.usecases import posts
from posts_service.usecases.slugs import reference_of

router = APIRouter(prefix="/api/v1/posts", tags=["posts"], route_class=IdempotentRoute)

_NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    304: {"description": "The client holds this representation."}
}
_NO_POST: dict[int | str, dict[str, Any]] = {
    404: {"description": "There is no such post, or it is somebody else's draft."}
}
_NOT_YOURS: dict[int | str, dict[str, Any]] = {
    403: {"description": "It is somebody else's."},
    412: {"description": "The post is no longer what If-Match names."},
}
_FINAL: dict[int | str, dict[str, Any]] = {
    409: {"description": "It is published and cannot become a draft."}
}
# Anybody may keep a published post, and asks each time whether it still holds.
_SHARED = "public, no-cache"
_LIST = "posts"
agree(PostSummary, PostSummaryDocument)
agree(PostRead, PostDocument)


@router.post("", status_code=status.HTTP_201_CREATED, response_model=PostRead)
async def create_post(
    body: PostCreate, new_posts: ForNewPosts, user: CurrentUser, resources: WithResources
) -> Response:
    """Write a post, as a draft or published at once."""
    post = await posts.create_post(
        new_posts,
        markdown=resources.markdown,
        author=user,
        title=body.title,
        body=body.body,
        tags=body.tags,
        status=body.status,
        now=utc_now(),
    )
    answer = _answer(post)
    answer.status_code = status.HTTP_201_CREATED
    answer.headers["Location"] = f"{router.prefix}/{post.document['id']}"
    return answer


@router.get("", response_model=Page[PostSummary], responses=_NOT_MODIFIED)
async def list_posts(
    *,
    reads: ForReading,
    resources: WithResources,
    user: OptionalUser,
    page: Pagination,
    conditions: Conditions,
    tag: Annotated[Tag | None, Query(description="Only posts with this tag.")] = None,
    author: Annotated[str | None, Query(description="Only posts of who has this name.")] = None,
) -> Response:
    """List published posts, newest first; who sends no token may get a list of a second ago."""
    after, limit = page.after(_LIST, datetime, UUID), page.fetch
    read = partial(posts.list_posts, reads, after=after, limit=limit, tag=tag, author=author)
    if user is None:
        found = await resources.shared.get((_LIST, after, limit, tag, author), read)
    else:
        found = Shared(await read(), fresh=True)
    return page.answer(
        found.value,
        kind=_LIST,
        key=_place,
        conditions=conditions,
        cache_control=found.cache_control,
    )


@router.get("/{id_or_slug}", response_model=PostRead, responses=_NOT_MODIFIED | _NO_POST)
async def read_post(
    id_or_slug: IdOrSlug, reads: ForReading, user: OptionalUser, conditions: Conditions
) -> Response:
    """Return a published post, or a draft to its author."""
    viewer_id = user.id if user else None
    reference = reference_of(id_or_slug)
    if conditions.if_none_match is not None:
        # Whoever may hold it already costs a look at its version, and not at its texts.
        held = await posts.read_version(reads, reference=reference, viewer_id=viewer_id)
        if conditions.unchanged(_tag(held)):
            return not_modified(_tag(held), _cache_control(held))
    return _answer(await posts.read_post(reads, reference=reference, viewer_id=viewer_id))


@router.patch("/{id_or_slug}", response_model=PostRead, responses=_NO_POST | _NOT_YOURS | _FINAL)
async def edit_post(
    *,
    id_or_slug: IdOrSlug,
    body: PostUpdate,
    tx: InTransaction,
    user: CurrentUser,
    resources: WithResources,
    conditions: Conditions,
) -> Response:
    """Change in the caller's post what the body names; its slug stays."""
    post = await posts.edit_post(
        tx,
        markdown=resources.markdown,
        reference=reference_of(id_or_slug),
        editor_id=user.id,
        check=_requirement(conditions),
        **body.model_dump(exclude_unset=True),
        now=utc_now(),
    )
    return _answer(post)


@router.delete(
    "/{id_or_slug}", status_code=status.HTTP_204_NO_CONTENT, responses=_NO_POST | _NOT_YOURS
)
async def delete_post(
    id_or_slug: IdOrSlug, tx: InTransaction, user: CurrentUser, conditions: Conditions
) -> None:
    """Delete the caller's post for good."""
    await posts.delete_post(
        tx, reference=reference_of(id_or_slug), editor_id=user.id, check=_requirement(conditions)
    )


def _place(post: PostSummaryView) -> tuple[datetime | None, UUID]:
    return post.document["published_at"], post.document["id"]


def _requirement(conditions: Preconditions) -> posts.Check:
    return lambda current: conditions.require(_tag(current.version))


def _tag(version: PostVersion) -> str:
    return etag(*version)


def _cache_control(version: PostVersion) -> str:
    return _SHARED if version.status == PostStatus.PUBLISHED else REVALIDATE


def _answer(post: PostView) -> Response:
    headers = tag_headers(_tag(post.version), _cache_control(post.version))
    return json_response(post.document, headers=headers)
