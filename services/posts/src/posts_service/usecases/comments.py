"""The life of a comment: under a published post or another comment, gone for good when deleted.

People of whom one blocks the other do not see each other's comments, nor comment on their posts.
"""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from common.contracts import CommentCreated, CommentDeleted
from common.ids import new_id
from common.tokens import User
from posts_service.errors import (
    CommentNotAllowed,
    CommentNotFound,
    NotCommentAuthor,
    PostNotFound,
    ThreadTooDeep,
)
from posts_service.models import MAX_DEPTH, Comment, path_of
from posts_service.repositories.comments import CommentView
from posts_service.repositories.posts import Reference
from posts_service.unit_of_work import Reads, Tx
from posts_service.usecases.markdown import Markdown

type Check = Callable[[CommentView], None]


async def create_comment(
    tx: Tx,
    *,
    markdown: Markdown,
    author: User,
    reference: Reference,
    parent_id: UUID | None,
    body: str,
    now: datetime,
) -> CommentView:
    """Comment on a published post, or answer a comment on it.

    Raises:
        BodyTooComplex: Rendering the body would take too long.
        PostNotFound: There is none, or it is a draft.
        CommentNotAllowed: The caller and the post's author must not meet.
        CommentNotFound: The post has no such comment that the caller may see.
        ThreadTooDeep: The answer would lie too deep in its thread.
    """
    # Before the first statement: a connection is not held while the body is rendered.
    body_html = await markdown.render(body)
    post = await tx.posts.keep_published(reference)
    if post is None:
        raise PostNotFound
    post_id, post_author_id = post
    if await tx.relations.block_among(author.id, [post_author_id]):
        raise CommentNotAllowed
    parent = await _keep_parent(tx, post_id, parent_id, author.id)
    await tx.authors.ensure(author.id, author.username)
    comment_id = new_id()
    comment = Comment(
        id=comment_id,
        post_id=post_id,
        parent_id=parent_id,
        author_id=author.id,
        path=path_of(comment_id, parent),
        body=body,
        body_html=body_html,
        created_at=now,
        updated_at=now,
    )
    await tx.comments.add(comment)
    view = await tx.comments.view(comment_id)
    await _report_creation(tx, comment, view, parent, post_author_id)
    return view


async def read_comment(reads: Reads, *, comment_id: UUID, viewer_id: UUID | None) -> CommentView:
    """Return a comment that the viewer may see.

    Raises:
        CommentNotFound: There is none, or its author and the viewer must not meet.
    """
    view = await reads.comments.find(comment_id, viewer_id=viewer_id)
    if view is None:
        raise CommentNotFound
    return view


async def list_comments(
    reads: Reads, *, reference: Reference, viewer_id: UUID | None, after: str, limit: int
) -> list[CommentView]:
    """Return a published post's comments as they are read: each is followed by its answers.

    Raises:
        PostNotFound: There is none, or it is a draft.
    """
    views = await reads.comments.page(reference, viewer_id=viewer_id, after=after, limit=limit)
    if not views and not await reads.posts.is_published(reference):
        raise PostNotFound
    return views


async def edit_comment(
    tx: Tx,
    *,
    markdown: Markdown,
    comment_id: UUID,
    editor_id: UUID,
    check: Check,
    body: str,
    now: datetime,
) -> CommentView:
    """Change what one's own comment says. `check` sees the locked comment and may refuse it.

    Raises:
        BodyTooComplex: Rendering the body would take too long.
        CommentNotFound: There is none that the caller may see.
        NotCommentAuthor: It is somebody else's.
    """
    body_html = await markdown.render(body)
    comment = await _lock(tx, comment_id)
    if comment.author_id != editor_id:
        await _refuse(tx, comment, editor_id)
    check(await tx.comments.view(comment_id))
    if comment.body != body:
        comment.body, comment.body_html = body, body_html
        comment.touch(now)
    return await tx.comments.view(comment_id)


async def delete_comment(
    tx: Tx, *, comment_id: UUID, deleter_id: UUID, check: Check, now: datetime
) -> None:
    """Delete one's own comment, or one on one's own post; a placeholder stays below answers.

    Raises:
        CommentNotFound: There is none that the caller may see.
        NotCommentAuthor: Neither the comment nor the post is the caller's.
    """
    comment = await _lock(tx, comment_id)
    if deleter_id not in (comment.author_id, await tx.comments.author_of_post(comment)):
        await _refuse(tx, comment, deleter_id)
    check(await tx.comments.view(comment_id))
    if await tx.comments.has_answers(comment_id):
        comment.body = comment.body_html = ""
        comment.deleted_at = now
        comment.touch(now)
    else:
        await _remove(tx, comment)
    event = CommentDeleted(
        comment_id=comment_id, post_id=comment.post_id, author_id=comment.author_id
    )
    await tx.outbox.add(event, key=comment_id)


async def _keep_parent(
    tx: Tx, post_id: UUID, parent_id: UUID | None, author_id: UUID
) -> Comment | None:
    if parent_id is None:
        return None
    parent = await tx.comments.keep(parent_id)
    if parent is None or parent.post_id != post_id or parent.deleted_at is not None:
        raise CommentNotFound
    # Whom the caller may not meet looks deleted to them.
    if await tx.relations.block_among(author_id, [parent.author_id]):
        raise CommentNotFound
    if parent.depth == MAX_DEPTH:
        raise ThreadTooDeep(field="parent_id", depth=MAX_DEPTH)
    return parent


async def _lock(tx: Tx, comment_id: UUID) -> Comment:
    comment = await tx.comments.lock(comment_id)
    if comment is None or comment.deleted_at is not None:
        raise CommentNotFound
    return comment


async def _refuse(tx: Tx, comment: Comment, person_id: UUID) -> None:
    if await tx.relations.block_among(person_id, [comment.author_id]):
        raise CommentNotFound
    raise NotCommentAuthor


async def _remove(tx: Tx, comment: Comment) -> None:
    """Delete a comment that nobody answers, and the placeholders that were left for it alone."""
    parent_id = comment.parent_id
    await tx.comments.delete(comment)
    parent = parent_id and await tx.comments.lock(parent_id)
    if parent and parent.deleted_at and not await tx.comments.has_answers(parent.id):
        await _remove(tx, parent)


async def _report_creation(
    tx: Tx, comment: Comment, view: CommentView, parent: Comment | None, post_author_id: UUID
) -> None:
    card = view.document["author"]
    event = CommentCreated(
        comment_id=comment.id,
        post_id=comment.post_id,
        post_author_id=post_author_id,
        parent_id=comment.parent_id,
        parent_author_id=parent.author_id if parent else None,
        author_id=comment.author_id,
        author_username=card["username"] if card else "",
        created_at=comment.created_at,
    )
    await tx.outbox.add(event, key=comment.id)
