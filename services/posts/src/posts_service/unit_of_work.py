"""One transaction's view of posts, which cannot commit, and the view of a read outside of one."""

from dataclasses import dataclass
from typing import Self

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from common.outbox import Outbox
from posts_service.repositories.authors import Authors
from posts_service.repositories.comments import CommentReads, Comments
from posts_service.repositories.feed import FeedReads
from posts_service.repositories.posts import PostReads, Posts
from posts_service.repositories.relations import Relations
from posts_service.repositories.tags import TagReads


@dataclass(frozen=True, slots=True)
class Tx:
    session: AsyncSession
    outbox: Outbox
    posts: Posts
    authors: Authors
    relations: Relations
    comments: Comments

    @classmethod
    def of(cls, session: AsyncSession) -> Self:
        """Bind the repositories to a session that somebody else commits."""
        return cls(
            session,
            Outbox(session),
            Posts(session),
            Authors(session),
            Relations(session),
            Comments(session),
        )


@dataclass(frozen=True, slots=True)
class Reads:
    """What one-statement reads need: no transaction, no entities."""

    posts: PostReads
    comments: CommentReads
    feed: FeedReads
    tags: TagReads

    @classmethod
    def of(cls, connection: AsyncConnection) -> Self:
        """Bind the repositories to an AUTOCOMMIT connection that somebody else closes."""
        return cls(
            PostReads(connection),
            CommentReads(connection),
            FeedReads(connection),
            TagReads(connection),
        )
