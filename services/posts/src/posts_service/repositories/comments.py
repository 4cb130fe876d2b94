"""Comments: locked and written in a transaction; read in the order of their threads."""

from datetime import datetime
from functools import cache
from typing import Any, Final, NamedTuple, TypedDict
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Uuid, bindparam, exists, false, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from common.db import Executor, Statement
from posts_service.models import Author, Comment, Post, depth_of
from posts_service.repositories.posts import AuthorDocument, Reference, at_most, published
from posts_service.repositories.relations import blocks_between

_Reply: Final = aliased(Comment)
_VIEWER: Final = bindparam("viewer_id", type_=Uuid())


class CommentDocument(TypedDict):
    """A comment as it is read; of a placeholder nothing shows but its place.

    It was deleted, or the reader may not see it. `depth` is how many comments it lies below the
    beginning of its thread.
    """

    id: UUID
    post_id: UUID
    parent_id: UUID | None
    depth: int
    author: AuthorDocument | None
    body: str | None
    body_html: str | None
    created_at: datetime
    updated_at: datetime
    deleted: bool


class CommentView(NamedTuple):
    """A comment, what changes whenever what it shows does, and its place among all of a post."""

    document: CommentDocument
    version: tuple[Any, ...]
    path: str


_COLUMNS: Final[tuple[Any, ...]] = (
    Comment.id,
    Comment.post_id,
    Comment.parent_id,
    Comment.path,
    Comment.author_id,
    Comment.body,
    Comment.body_html,
    Comment.created_at,
    Comment.updated_at,
)


class Comments:
    """Comments of a transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, comment: Comment) -> None:
        """Write a new comment."""
        self._session.add(comment)
        await self._session.flush()

    async def lock(self, comment_id: UUID) -> Comment | None:
        """Return a comment, locked against other writers and against new answers."""
        query = select(Comment).where(Comment.id == comment_id).with_for_update()
        query = query.execution_options(populate_existing=True)
        return (await self._session.execute(query)).scalar_one_or_none()

    async def keep(self, comment_id: UUID) -> Comment | None:
        """Return a comment, which nobody can delete before the transaction ends."""
        query = select(Comment).where(Comment.id == comment_id)
        query = query.with_for_update(read=True, key_share=True)
        return (await self._session.execute(query)).scalar_one_or_none()

    async def has_answers(self, comment_id: UUID) -> bool:
        """Tell whether comments answer this one."""
        query = select(exists().where(Comment.parent_id == comment_id))
        return bool((await self._session.execute(query)).scalar_one())

    async def author_of_post(self, comment: Comment) -> UUID:
        """Return who wrote the post that a comment is about."""
        query = select(Post.author_id).where(Post.id == comment.post_id)
        return (await self._session.execute(query)).scalar_one()

    async def view(self, comment_id: UUID) -> CommentView:
        """Return a comment that must exist as its author will see it."""
        await self._session.flush()
        query = _shown(_found(false()).where(Comment.id == comment_id))
        return _view((await self._session.execute(query)).one())

    async def delete(self, comment: Comment) -> None:
        """Delete a comment that nobody answers."""
        await self._session.delete(comment)
        await self._session.flush()


class CommentReads:
    """Hot reads of comments: each query carries its visibility."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def find(self, comment_id: UUID, *, viewer_id: UUID | None) -> CommentView | None:
        """Return a comment that is there and whose author the viewer may meet."""
        values = {"comment_id": comment_id, **_by(viewer_id)}
        row = await self._executor.first(_find(known=viewer_id is not None), **values)
        return _view(row) if row else None

    async def page(
        self, post: Reference, *, viewer_id: UUID | None, after: str, limit: int
    ) -> list[CommentView]:
        """Return the comments of a published post by their threads, following the path `after`.

        Whoever the viewer may not meet is shown as a placeholder, like what was deleted, and not
        at all when nobody answers.
        """
        by_id, known = isinstance(post, UUID), viewer_id is not None
        values = {"reference": post, "after": after, **_by(viewer_id)}
        rows = await self._executor.all(_page(by_id=by_id, known=known, limit=limit), **values)
        return [_view(row) for row in rows]


def _by(viewer_id: UUID | None) -> dict[str, UUID]:
    return {} if viewer_id is None else {"viewer_id": viewer_id}


@cache
def _find(*, known: bool) -> Statement:
    unseen = _unseen(known=known)
    query = _found(unseen).where(Comment.id == bindparam("comment_id"), ~unseen)
    return Statement(_shown(query))


@cache
def _page(*, by_id: bool, known: bool, limit: int) -> Statement:
    query = _found(_unseen(known=known)).where(
        Comment.post_id == published(by_id=by_id).scalar_subquery(),
        Comment.path > bindparam("after"),
    )
    if known:
        query = query.where(~_blocked() | _answered())
    query = _shown(query.order_by(Comment.path).limit(at_most(limit)))
    return Statement(query.order_by("path"))


def _unseen(*, known: bool) -> ColumnElement[bool]:
    gone = Comment.deleted_at.is_not(None)
    return gone | _blocked() if known else gone


def _blocked() -> ColumnElement[bool]:
    return or_(*blocks_between(_VIEWER, Comment.author_id))


def _answered() -> ColumnElement[bool]:
    # Not EXISTS, for which PostgreSQL may rather collect whatever was answered in all threads.
    answer = select(_Reply.id).where(_Reply.parent_id == Comment.id).limit(at_most(1))
    return answer.scalar_subquery().is_not(None)


def _found(unseen: ColumnElement[bool]) -> Select[Any]:
    return select(*_COLUMNS, unseen.label("unseen"))


def _shown(found: Select[Any]) -> Select[Any]:
    """Return the query of comments that were found, with the cards of their authors."""
    page = found.subquery("page")
    card = (Author.username, Author.display_name, Author.epoch, Author.position)
    return select(page, *card).join(Author, Author.user_id == page.c.author_id)


def _view(row: Any) -> CommentView:
    comment_id, post_id, parent_id, path, _, body, body_html, created_at, updated_at = row[:9]
    unseen, username, display_name, epoch, position = row[9:]
    document: CommentDocument = {
        "id": comment_id,
        "post_id": post_id,
        "parent_id": parent_id,
        "depth": depth_of(path),
        "author": None if unseen else {"username": username, "display_name": display_name},
        "body": None if unseen else body,
        "body_html": None if unseen else body_html,
        "created_at": created_at,
        # Nothing of a placeholder may tell why it is one.
        "updated_at": created_at if unseen else updated_at,
        "deleted": unseen,
    }
    return CommentView(document, (comment_id, updated_at, unseen, epoch, position), path)
