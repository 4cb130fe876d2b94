"""What users keeps: profiles, who follows whom, its events, and how far it read others'."""

from common.db.jwks_copy import JwksCopy
from common.outbox import tables as outbox_tables
from common.streams import tables as stream_tables
from users_service.models.base import Base
from users_service.models.follows import Follow
from users_service.models.profiles import Profile

__all__ = ["Base", "Follow", "JwksCopy", "Profile", "outbox_tables", "stream_tables"]
