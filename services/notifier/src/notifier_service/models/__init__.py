"""What notifier keeps: mail to send, copies of posts and follows, notifications, its cursors."""

from common.db.jwks_copy import JwksCopy
from common.db.key_copies import KeyCopy
from common.db.revocations import RevokedSession
from common.streams import tables as stream_tables
from notifier_service.models.base import Base
from notifier_service.models.emails import Email, EmailStatus, EmailTemplate
from notifier_service.models.follows import Follow
from notifier_service.models.notifications import Notification
from notifier_service.models.posts import PublishedPost

__all__ = [
    "Base",
    "Email",
    "EmailStatus",
    "EmailTemplate",
    "Follow",
    "JwksCopy",
    "KeyCopy",
    "Notification",
    "PublishedPost",
    "RevokedSession",
    "stream_tables",
]
