"""A new post with all that belongs to it, in one statement: a hot route waits for nothing else."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    String,
    bindparam,
    exists,
    func,
    literal,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import insert

from common.db import Executor, Statement
from common.outbox import OutboxRow
from common.place import EMPTY
from posts_service.models import Author, Post, PostTag
from posts_service.repositories.posts import WHOLE, PostView, view_of

_EVENT: Final = ("event_id", "type", "key", "payload", "headers")
_CARD: Final = ("username", "display_name", "epoch", "position")


@dataclass(slots=True)
class NewPost:
    """A row of posts: no entity, as no session will ever know it."""

    id: UUID
    author_id: UUID
    slug: str
    title: str
    body: str
    body_html: str
    tags: list[str]
    status: str
    published_at: datetime | None
    created_at: datetime
    updated_at: datetime


_POST: Final = tuple(each.name for each in fields(NewPost))
_SHOWN: Final = tuple(column.name for column in WHOLE[len(_CARD) :])


class NewPosts:
    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def add(
        self, post: NewPost, *, author_username: str, told: dict[str, Any] | None
    ) -> PostView | None:
        """Write a post and its author, who may be new here; None when its slug is taken.

        Args:
            post: The post.
            author_username: What the author's token says; the copy of users, if any, knows better.
            told: The event of a published post (`outbox_values`), None for a draft.
        """
        values = {name: getattr(post, name) for name in _POST}
        event = told or dict.fromkeys(_EVENT)
        row = await self._executor.first(_ADD, **values, **event, author_username=author_username)
        if row is None:
            return None
        return view_of((*row, *(values[name] for name in _SHOWN)))


def _given(table: Any, name: str) -> BindParameter[Any]:
    return bindparam(name, type_=table.__table__.columns[name].type)


_AUTHOR_ID: Final = _given(Post, "author_id")
_PUBLISHED_AT: Final = _given(Post, "published_at")
_USERNAME: Final = bindparam("author_username", type_=String())
# What a token tells of an author of whom users has not told yet.
_TOLD: Final = (_USERNAME, _USERNAME, literal(EMPTY.epoch), literal(EMPTY.position))


def _add() -> Statement:
    known = (
        select(*(getattr(Author, name) for name in _CARD))
        .where(Author.user_id == _AUTHOR_ID)
        .cte("known")
    )
    # Looked up first: an insert waits for whoever is changing the row that is there, which may be
    # a consumer in the middle of a batch.
    unknown = select(_AUTHOR_ID, *_TOLD).where(~exists().select_from(known))
    introduced = insert(Author).from_select(["user_id", *_CARD], unknown).on_conflict_do_nothing()
    post = (
        insert(Post)
        .from_select(_POST, select(*(_given(Post, name) for name in _POST)))
        .on_conflict_do_nothing(index_elements=[Post.slug])
        .returning(Post.id)
        .cte("post")
    )
    card = [func.coalesce(column, told) for column, told in zip(known.columns, _TOLD, strict=True)]
    written = post.outerjoin(known, true())
    published = select(func.unnest(_given(Post, "tags")), _PUBLISHED_AT, post.c.id, _AUTHOR_ID)
    tags = insert(PostTag).from_select(
        ["tag", "published_at", "post_id", "author_id"],
        published.select_from(post).where(_PUBLISHED_AT.is_not(None)),
    )
    # The event names the author as readers see them.
    name = func.jsonb_build_object(literal_column("'author_username'"), card[0])
    event: dict[str, Any] = {name: _given(OutboxRow, name) for name in _EVENT}
    event["payload"] = event["payload"].op("||")(name)
    told = insert(OutboxRow).from_select(
        list(_EVENT),
        select(*event.values()).select_from(written).where(_PUBLISHED_AT.is_not(None)),
    )
    parts = (introduced.cte("introduced"), tags.cte("tagged"), told.cte("told"))
    return Statement(select(*card).select_from(written).add_cte(*parts))


_ADD: Final = _add()
