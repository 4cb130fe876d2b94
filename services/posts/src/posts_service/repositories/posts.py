"""Posts: locked and written in a transaction; read, joined with their authors, from anywhere."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Integer,
    Select,
    Subquery,
    bindparam,
    delete,
    literal_column,
    or_,
    select,
    tuple_,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from common.db.violations import constraint_of
from posts_service.models import Author, Post, PostTag

type Reference = UUID | str
"""How a path names a post: by its id or by its slug."""


@dataclass(frozen=True, slots=True)
class AuthorView:
    """A card; `(epoch, position)` changes whenever it does."""

    username: str
    display_name: str
    epoch: int
    position: int


@dataclass(frozen=True, slots=True)
class PostVersion:
    """What changes whenever anything of a post does, and who may keep it."""

    id: UUID
    updated_at: datetime
    epoch: int
    position: int
    status: str


@dataclass(frozen=True, slots=True)
class PostSummaryView:
    """A post as lists show it, with its author's present name."""

    author: AuthorView
    id: UUID
    slug: str
    title: str
    tags: list[str]
    status: str
    published_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @property
    def version(self) -> PostVersion:
        """What changes whenever anything of it does."""
        card = self.author
        return PostVersion(self.id, self.updated_at, card.epoch, card.position, self.status)


@dataclass(frozen=True, slots=True)
class PostView(PostSummaryView):
    """A post as it is read."""

    body: str
    body_html: str


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
_WHOLE: Final = (*SUMMARY, Post.body, Post.body_html)
_TAGGED_ID: Final = PostTag.post_id.label("id")
# Not a parameter: only a constant lets the planner use the partial indexes.
PUBLISHED: Final = Post.status == literal_column("'published'")


class Posts:
    """Posts of a transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, post: Post) -> bool:
        """Write a new post; False when its slug is taken."""
        try:
            async with self._session.begin_nested():
                self._session.add(post)
        except IntegrityError as error:
            if constraint_of(error) == "uq_posts_slug":
                return False
            raise
        return True

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
        query = _joined(*_WHOLE).where(Post.id == post_id)
        row = (await self._session.execute(query)).one()
        return _view_of(row)

    async def list_published(self, *, after: UUID | None, limit: int) -> list[tuple[Post, str]]:
        """Return published posts with their authors' usernames, by id, following `after`."""
        query = _joined(Post, Author.username).where(PUBLISHED).order_by(Post.id).limit(limit)
        if after is not None:
            query = query.where(Post.id > after)
        return [(post, username) for post, username in await self._session.execute(query)]

    async def index_tags(self, post: Post) -> None:
        """Let the lists of a published post's tags show it."""
        key = {"published_at": post.published_at, "post_id": post.id, "author_id": post.author_id}
        self._session.add_all(PostTag(tag=tag, **key) for tag in post.tags)

    async def reindex_tags(self, post: Post) -> None:
        """Let the lists of a published post's tags show it, and no others."""
        await self._session.execute(delete(PostTag).where(PostTag.post_id == post.id))
        await self.index_tags(post)

    async def delete(self, post: Post) -> None:
        """Delete a post."""
        await self._session.delete(post)


class PostReads:
    """Posts outside of a transaction: each query carries its visibility."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def find(self, reference: Reference, *, viewer_id: UUID | None) -> PostView | None:
        """Return a post if it is published or the viewer's own."""
        query = _joined(*_WHOLE).where(_named(reference), _visible(viewer_id))
        row = (await self._connection.execute(query)).one_or_none()
        return _view_of(row) if row else None

    async def find_version(
        self, reference: Reference, *, viewer_id: UUID | None
    ) -> PostVersion | None:
        """Return the version of a post that `find` would return, without its texts."""
        query = _joined(*_VERSION).where(_named(reference), _visible(viewer_id))
        row = (await self._connection.execute(query)).one_or_none()
        return PostVersion(*row) if row else None

    async def is_published(self, reference: Reference) -> bool:
        """Tell whether there is such a post for everybody."""
        return (await self._connection.execute(_published(reference))).one_or_none() is not None

    async def list_published(
        self,
        *,
        after: tuple[datetime, UUID] | None,
        limit: int,
        tag: str | None,
        author: str | None,
    ) -> list[PostSummaryView]:
        """Return published posts, newest first, that follow the key `after`."""
        query = _keys(tag, author)
        place = tuple(query.selected_columns)
        if after is not None:
            query = query.where(tuple_(*place) < tuple_(*after))
        query = query.order_by(*(column.desc() for column in place)).limit(at_most(limit))
        rows = await self._connection.execute(summaries_of(query.subquery("page")))
        return [summary_of(row) for row in rows]


def summaries_of(page: Subquery) -> Select[Any]:
    """Return the query of the posts of a page, which has their `published_at` and `id` in order.

    A page is found in an index that covers its query, and only its posts are read as a whole.
    """
    query = select(*SUMMARY).select_from(page).join(Post, Post.id == page.c.id)
    query = query.join(Author, Author.user_id == Post.author_id)
    return query.order_by(page.c.published_at.desc(), page.c.id.desc())


def at_most(limit: int) -> BindParameter[int]:
    """Return a limit that PostgreSQL is told when it plans: of an unknown one it expects too much.

    It would plan for a tenth of the table, and read and sort the table for that.
    """
    return bindparam(None, limit, Integer(), literal_execute=True)


def summary_of(row: Any) -> PostSummaryView:
    """Return the view of a row of `SUMMARY`."""
    return PostSummaryView(AuthorView(*row[:4]), *row[4:])


def _view_of(row: Any) -> PostView:
    return PostView(AuthorView(*row[:4]), *row[4:])


def published_id(reference: Reference) -> Any:
    """Return the id of a published post as part of a query."""
    return _published(reference).scalar_subquery()


def _published(reference: Reference) -> Select[UUID]:
    return select(Post.id).where(_named(reference), PUBLISHED)


def _joined(*columns: Any) -> Select[Any]:
    return select(*columns).join(Author, Author.user_id == Post.author_id)


def _visible(viewer_id: UUID | None) -> ColumnElement[bool]:
    return or_(PUBLISHED, Post.author_id == viewer_id) if viewer_id else PUBLISHED


def _named(reference: Reference) -> ColumnElement[bool]:
    return Post.id == reference if isinstance(reference, UUID) else Post.slug == reference


def _keys(tag: str | None, author: str | None) -> Select[Any]:
    """Return the query of the times and ids of published posts, from the index for it."""
    source: Any = Post if tag is None else PostTag
    query: Select[Any] = select(source.published_at, source.id if tag is None else _TAGGED_ID)
    query = query.where(PUBLISHED if tag is None else PostTag.tag == tag)
    return query if author is None else query.where(source.author_id == _id_of(author))


def _id_of(username: str) -> Any:
    """Return the id of whoever has the username by the latest word of users."""
    query = select(Author.user_id).where(Author.username == username)
    return query.order_by(Author.epoch.desc(), Author.position.desc()).limit(1).scalar_subquery()
