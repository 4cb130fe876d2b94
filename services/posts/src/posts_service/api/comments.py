"""Comments on published posts, in threads; read by everybody, changed by who wrote them."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Response, status

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
from common.http.pagination import Page, PageParams, Pagination
from common.http.rendering import agree, json_response
from common.tokens import User
from posts_service.api.dependencies import ForReading, IdOrSlug, InTransaction, WithResources
from posts_service.api.schemas.comments import CommentCreate, CommentRead, CommentUpdate
from posts_service.repositories.comments import CommentDocument, CommentView
from posts_service.usecases import comments
from posts_service.usecases.slugs import reference_of

router = APIRouter(prefix="/api/v1", tags=["comments"], route_class=IdempotentRoute)

type Responses = dict[int | str, dict[str, Any]]

_NOT_MODIFIED: Responses = {304: {"description": "The client holds this representation."}}
_NO_POST: Responses = {404: {"description": "There is no such post, or it is a draft."}}
_NO_COMMENT: Responses = {404: {"description": "There is no such comment, or it was deleted."}}
_NOT_ALLOWED: Responses = {403: {"description": "The caller cannot comment on this post."}}
_NOT_YOURS: Responses = {
    403: {"description": "It is somebody else's."},
    412: {"description": "The comment is no longer what If-Match names."},
}
_LIST = "comments"
# People who must not meet see different threads: nobody may be given another reader's answer.
_SHARED, _VARY = "public, no-cache", {"Vary": "Authorization"}

agree(CommentRead, CommentDocument)

CommentId = Annotated[UUID, Path(description="The comment's id.")]


@router.post(
    "/posts/{id_or_slug}/comments",
    status_code=status.HTTP_201_CREATED,
    response_model=CommentRead,
    responses=_NO_POST | _NOT_ALLOWED,
)
async def create_comment(
    id_or_slug: IdOrSlug,
    body: CommentCreate,
    tx: InTransaction,
    user: CurrentUser,
    resources: WithResources,
) -> Response:
    """Comment on a published post, or answer a comment on it."""
    comment = await comments.create_comment(
        tx,
        markdown=resources.markdown,
        author=user,
        reference=reference_of(id_or_slug),
        parent_id=body.parent_id,
        body=body.body,
        now=utc_now(),
    )
    answer = _answer(comment)
    answer.status_code = status.HTTP_201_CREATED
    answer.headers["Location"] = f"{router.prefix}/comments/{comment.document['id']}"
    return answer


@router.get(
    "/posts/{id_or_slug}/comments",
    response_model=Page[CommentRead],
    responses=_NOT_MODIFIED | _NO_POST,
)
async def list_comments(
    id_or_slug: IdOrSlug,
    reads: ForReading,
    user: OptionalUser,
    page: Pagination,
    conditions: Conditions,
) -> Response:
    """List a post's comments, each followed by its answers, older ones first."""
    rows = await comments.list_comments(
        reads,
        reference=reference_of(id_or_slug),
        viewer_id=user.id if user else None,
        after=(page.after(_LIST, str) or ("",))[0],
        limit=page.fetch,
    )
    return _threads(rows, page, conditions, _cache_control(user))


@router.get(
    "/comments/{comment_id}", response_model=CommentRead, responses=_NOT_MODIFIED | _NO_COMMENT
)
async def read_comment(
    comment_id: CommentId, reads: ForReading, user: OptionalUser, conditions: Conditions
) -> Response:
    """Return one comment."""
    viewer_id = user.id if user else None
    comment = await comments.read_comment(reads, comment_id=comment_id, viewer_id=viewer_id)
    return _answer(comment, conditions, cache_control=_cache_control(user))


@router.patch(
    "/comments/{comment_id}", response_model=CommentRead, responses=_NO_COMMENT | _NOT_YOURS
)
async def edit_comment(
    *,
    comment_id: CommentId,
    body: CommentUpdate,
    tx: InTransaction,
    user: CurrentUser,
    resources: WithResources,
    conditions: Conditions,
) -> Response:
    """Change what the caller's comment says."""
    comment = await comments.edit_comment(
        tx,
        markdown=resources.markdown,
        comment_id=comment_id,
        editor_id=user.id,
        check=_requirement(conditions),
        body=body.body,
        now=utc_now(),
    )
    return _answer(comment)


@router.delete(
    "/comments/{comment_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=_NO_COMMENT | _NOT_YOURS,
)
async def delete_comment(
    comment_id: CommentId, tx: InTransaction, user: CurrentUser, conditions: Conditions
) -> None:
    """Delete the caller's comment, or one on the caller's post; answers stay."""
    await comments.delete_comment(
        tx,
        comment_id=comment_id,
        deleter_id=user.id,
        check=_requirement(conditions),
        now=utc_now(),
    )


def _requirement(conditions: Preconditions) -> comments.Check:
    return lambda current: conditions.require(etag(*current.version))


def _threads(
    rows: list[CommentView], page: PageParams, conditions: Preconditions, cache_control: str
) -> Response:
    answer = page.answer(
        rows,
        kind=_LIST,
        key=lambda comment: (comment.path,),
        conditions=conditions,
        cache_control=cache_control,
    )
    answer.headers.update(_VARY)
    return answer


def _cache_control(user: User | None) -> str:
    return REVALIDATE if user else _SHARED


def _answer(
    comment: CommentView,
    conditions: Preconditions | None = None,
    cache_control: str = REVALIDATE,
) -> Response:
    tag = etag(*comment.version)
    if conditions is not None and conditions.unchanged(tag):
        answer = not_modified(tag, cache_control)
    else:
        answer = json_response(comment.document, headers=tag_headers(tag, cache_control))
    answer.headers.update(_VARY)
    return answer
