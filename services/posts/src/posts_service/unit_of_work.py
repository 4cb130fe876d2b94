"""One transaction's view of posts, which cannot commit, and the view of hot reads."""

from dataclasses import dataclass
from typing import Self

from sqlalchemy.ext.asyncio import AsyncSession

from common.db import Executor
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
    """What hot reads need: statements of their own, no transaction, no entities."""

    posts: PostReads
    comments: CommentReads
    feed: FeedReads
    tags: TagReads

    @classmethod
    def of(cls, executor: Executor) -> Self:
        """Bind the repositories to what runs their statements."""
        return cls(
            PostReads(executor), CommentReads(executor), FeedReads(executor), TagReads(executor)
        )
