"""What posts does with the events of others: each type has one function, each copy a rebuild."""

from common.contracts import (
    ProfileChanged,
    SessionsRevoked,
    UserBlocked,
    UserFollowed,
    UserMuted,
    UserUnblocked,
    UserUnfollowed,
    UserUnmuted,
)
from common.streams import Copies, Copy, Handlers, sessions_revoked
from posts_service.consumers import users
from posts_service.unit_of_work import Tx

HANDLERS: Handlers[Tx] = {
    ProfileChanged: users.profile_changed,
    UserFollowed: users.user_followed,
    UserUnfollowed: users.user_unfollowed,
    UserMuted: users.user_muted,
    UserUnmuted: users.user_unmuted,
    UserBlocked: users.user_blocked,
    UserUnblocked: users.user_unblocked,
    SessionsRevoked: sessions_revoked,
}
COPIES: Copies[Tx] = {
    ProfileChanged: Copy(users.profile_changed, users.forget_profiles),
    UserFollowed: Copy(users.user_followed, users.forget_follows),
    UserMuted: Copy(users.user_muted, users.forget_mutes),
    UserBlocked: Copy(users.user_blocked, users.forget_blocks),
}
