"""Posts: locked and written in a transaction; read, joined with their authors, from anywhere."""

from datetime import datetime
from functools import cache
from typing import Any, Final, NamedTuple, TypedDict
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Integer,
    Select,
    Subquery,
    Uuid,
    bindparam,
    delete,
    literal_column,
    or_,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncSession

from common.db import Executor, Statement
from posts_service.models import Author, Post, PostTag

type Reference = UUID | str
"""How a path names a post: by its id or by its slug."""


class PostVersion(NamedTuple):
    """What changes whenever anything of a post does, and who may keep it.

    `(epoch, position)` changes whenever the card of its author does.
    """

    id: UUID
    updated_at: datetime
    epoch: int
    position: int
    status: str


# Documents are what the schemas of the API say, in their order: rows become them at once, since
# to name the values of views for each answer takes as long again as to make the views.
class AuthorDocument(TypedDict):
    username: str
    display_name: str


class PostSummaryDocument(TypedDict):
    """A post as lists show it, with its author's present name."""

    id: UUID
    slug: str
    title: str
    tags: list[str]
    status: str
    author: AuthorDocument
    published_at: datetime | None
    created_at: datetime
    updated_at: datetime


class PostDocument(PostSummaryDocument):
    """A post as it is read."""

    body: str
    body_html: str


class PostSummaryView(NamedTuple):
    document: PostSummaryDocument
    version: PostVersion


class PostView(NamedTuple):
    document: PostDocument
    version: PostVersion


SUMMARY: Final[tuple[Any, ...]] = (
    Author.username,
    Author.display_name,
    Author.epoch,
    Author.position,
    Post.id,
    Post.slug,
    Post.title,
    Post.tags,
    Post.status,
    Post.published_at,
    Post.created_at,
    Post.updated_at,
)
_VERSION: Final[tuple[Any, ...]] = (
    Post.id,
    Post.updated_at,
    Author.epoch,
    Author.position,
    Post.status,
)
WHOLE: Final = (*SUMMARY, Post.body, Post.body_html)
_TAGGED_ID: Final = PostTag.post_id.label("id")
# Not a parameter: only a constant lets the planner use the partial indexes.
PUBLISHED: Final = Post.status == literal_column("'published'")
AFTER: Final = tuple_(
    bindparam("published_at", type_=DateTime(timezone=True)), bindparam("post_id", type_=Uuid())
)


class Posts:
    """Posts of a transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def lock(self, reference: Reference) -> Post | None:
        """Return a post, locked against other writers."""
        query = select(Post).where(_named(reference)).with_for_update()
        return (await self._session.execute(query)).scalar_one_or_none()

    async def keep_published(self, reference: Reference) -> tuple[UUID, UUID] | None:
        """Return a published post's id and author; nobody can delete it before the end."""
        query = select(Post.id, Post.author_id).where(_named(reference), PUBLISHED)
        query = query.with_for_update(read=True, key_share=True)
        row = (await self._session.execute(query)).one_or_none()
        return (row[0], row[1]) if row else None

    async def view(self, post_id: UUID) -> PostView:
        """Return a post that must exist as readers will see it."""
        await self._session.flush()
        query = _joined(*WHOLE).where(Post.id == post_id)
        row = (await self._session.execute(query)).one()
        return view_of(row)

    async def list_published(self, *, after: UUID | None, limit: int) -> list[tuple[Post, str]]:
        """Return published posts with their authors' usernames, by id, following `after`."""
        query = _joined(Post, Author.username).where(PUBLISHED).order_by(Post.id).limit(limit)
        if after is not None:
            query = query.where(Post.id > after)
        return [(post, username) for post, username in await self._session.execute(query)]

    async def index_tags(self, post: Post) -> None:
        """Let the lists of a published post's tags show it, and no others."""
        await self._session.execute(delete(PostTag).where(PostTag.post_id == post.id))
        key = {"published_at": post.published_at, "post_id": post.id, "author_id": post.author_id}
        self._session.add_all(PostTag(tag=tag, **key) for tag in post.tags)

    async def delete(self, post: Post) -> None:
        """Delete a post."""
        await self._session.delete(post)


class PostReads:
    """Hot reads of posts: each query carries its visibility."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def find(self, reference: Reference, *, viewer_id: UUID | None) -> PostView | None:
        """Return a post if it is published or the viewer's own."""
        query = _find(whole=True, by_id=isinstance(reference, UUID))
        row = await self._executor.first(query, reference=reference, viewer_id=viewer_id)
        return view_of(row) if row else None

    async def find_version(
        self, reference: Reference, *, viewer_id: UUID | None
    ) -> PostVersion | None:
        """Return the version of a post that `find` would return, without its texts."""
        query = _find(whole=False, by_id=isinstance(reference, UUID))
        row = await self._executor.first(query, reference=reference, viewer_id=viewer_id)
        return PostVersion(*row) if row else None

    async def is_published(self, reference: Reference) -> bool:
        """Tell whether there is such a post for everybody."""
        query = _is_published(by_id=isinstance(reference, UUID))
        return await self._executor.first(query, reference=reference) is not None

    async def list_published(
        self,
        *,
        after: tuple[datetime, UUID] | None,
        limit: int,
        tag: str | None,
        author: str | None,
    ) -> list[PostSummaryView]:
        """Return published posts, newest first, that follow the key `after`."""
        published_at, post_id = after or (None, None)
        given = {"tag": tag, "author": author, "published_at": published_at, "post_id": post_id}
        values = {name: value for name, value in given.items() if value is not None}
        rows = await self._executor.all(_list(frozenset(values), limit), **values)
        return [summary_of(row) for row in rows]


@cache
def _find(*, whole: bool, by_id: bool) -> Statement:
    own = Post.author_id == bindparam("viewer_id", type_=Uuid())
    query = _joined(*(WHOLE if whole else _VERSION))
    return Statement(query.where(_referred(by_id=by_id), or_(PUBLISHED, own)))


@cache
def _is_published(*, by_id: bool) -> Statement:
    return Statement(published(by_id=by_id))


@cache
def _list(given: frozenset[str], limit: int) -> Statement:
    """Return the query of a page, from the index for what is given."""
    if "tag" not in given:
        return Statement(_page(_joined(*SUMMARY).where(PUBLISHED), Post, Post.id, given, limit))
    tagged = select(PostTag.published_at, _TAGGED_ID).where(PostTag.tag == bindparam("tag"))
    page = _page(tagged, PostTag, _TAGGED_ID, given, limit)
    return Statement(summaries_of(page.subquery("page")))


def _page(
    query: Select[*tuple[Any, ...]], source: Any, post_id: Any, given: frozenset[str], limit: int
) -> Select[*tuple[Any, ...]]:
    """Return the part of a query of posts, or of their tags, that a page shows."""
    place = (source.published_at, post_id)
    if "author" in given:
        query = query.where(source.author_id == _id_of_author())
    if "post_id" in given:
        query = query.where(tuple_(*place) < AFTER)
    return query.order_by(*(column.desc() for column in place)).limit(at_most(limit))


def summaries_of(page: Subquery) -> Select[Any]:
    """Return the query of the posts of a page, which has their `published_at` and `id` in order.

    Only they are read as a whole: what finds the page is in indexes that cover its query.
    """
    query = select(*SUMMARY).select_from(page).join(Post, Post.id == page.c.id)
    query = query.join(Author, Author.user_id == Post.author_id)
    return query.order_by(page.c.published_at.desc(), page.c.id.desc())


def at_most(limit: int) -> ColumnElement[int]:
    """Return a limit that is part of the statement: of an unknown one PostgreSQL expects too much.

    It would plan for a tenth of the table, and read and sort the table for that.
    """
    return literal_column(str(limit), Integer())


def summary_of(row: Any) -> PostSummaryView:
    """Return the view of a row of `SUMMARY`."""
    return PostSummaryView(_document_of(row), _version_of(row))


def view_of(row: Any) -> PostView:
    """Return the view of a row of `WHOLE`."""
    document: PostDocument = {**_document_of(row), "body": row[12], "body_html": row[13]}
    return PostView(document, _version_of(row))


def _document_of(row: Any) -> PostSummaryDocument:
    return {
        "id": row[4],
        "slug": row[5],
        "title": row[6],
        "tags": row[7],
        "status": row[8],
        "author": {"username": row[0], "display_name": row[1]},
        "published_at": row[9],
        "created_at": row[10],
        "updated_at": row[11],
    }


def _version_of(row: Any) -> PostVersion:
    return PostVersion(row[4], row[11], row[2], row[3], row[8])


def published(*, by_id: bool) -> Select[UUID]:
    """Return the query of the id of the published post that the parameter `reference` names."""
    return select(Post.id).where(_referred(by_id=by_id), PUBLISHED)


def _referred(*, by_id: bool) -> ColumnElement[bool]:
    return (Post.id if by_id else Post.slug) == bindparam("reference")


def _joined(*columns: Any) -> Select[Any]:
    return select(*columns).join(Author, Author.user_id == Post.author_id)


def _named(reference: Reference) -> ColumnElement[bool]:
    return Post.id == reference if isinstance(reference, UUID) else Post.slug == reference


def _id_of_author() -> Any:
    """Return the id of whoever has the username `author` by the latest word of users."""
    query = select(Author.user_id).where(Author.username == bindparam("author"))
    return query.order_by(Author.epoch.desc(), Author.position.desc()).limit(1).scalar_subquery()
