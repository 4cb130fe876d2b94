"""What posts keeps: posts, copies of their authors, its events, answers, what it read of others."""

from common.db.jwks_copy import JwksCopy
from common.idempotency import tables as idempotency_tables
from common.outbox import tables as outbox_tables
from common.streams import tables as stream_tables
from posts_service.models.authors import Author
from posts_service.models.base import Base
from posts_service.models.posts import ID_PATTERN, Post, PostStatus

__all__ = [
    "ID_PATTERN",
    "Author",
    "Base",
    "JwksCopy",
    "Post",
    "PostStatus",
    "idempotency_tables",
    "outbox_tables",
    "stream_tables",
]
