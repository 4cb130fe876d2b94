"""What notifier does with the events of others: each type has one function, each copy a rebuild."""

from common.contracts import (
    EmailChanged,
    EmailChangeRequested,
    EmailVerificationRequested,
    KeyIssued,
    KeyRevoked,
    KnownAddressRegistered,
    LoginRequested,
    NewDeviceLoggedIn,
    PasswordChanged,
    PasswordResetRequested,
    PostDeleted,
    PostPublished,
    ReauthenticationRequested,
    SessionsRevoked,
    SessionStolen,
    UserFollowed,
    UsernameChanged,
    UserUnfollowed,
)
from common.streams import (
    Copies,
    Copy,
    Handlers,
    forget_missing_keys,
    key_issued,
    key_owner_renamed,
    key_revoked,
    sessions_revoked,
)
from notifier_service.consumers import auth, posts, users
from notifier_service.unit_of_work import Tx

HANDLERS: Handlers[Tx] = {
    EmailVerificationRequested: auth.email_verification_requested,
    KnownAddressRegistered: auth.known_address_registered,
    PasswordResetRequested: auth.password_reset_requested,
    PasswordChanged: auth.password_changed,
    EmailChangeRequested: auth.email_change_requested,
    EmailChanged: auth.email_changed,
    LoginRequested: auth.login_requested,
    ReauthenticationRequested: auth.reauthentication_requested,
    NewDeviceLoggedIn: auth.new_device_logged_in,
    SessionStolen: auth.session_stolen,
    SessionsRevoked: sessions_revoked,
    KeyIssued: auth.key_issued,
    KeyRevoked: key_revoked,
    UsernameChanged: key_owner_renamed,
    UserFollowed: users.user_followed,
    UserUnfollowed: users.user_unfollowed,
    PostPublished: posts.post_published,
    PostDeleted: posts.post_deleted,
}
# Rebuilt from what is, these notify nobody; mails are reactions alone.
COPIES: Copies[Tx] = {
    UserFollowed: Copy(users.known_follow, users.forget_follows),
    PostPublished: Copy(posts.known_post, posts.forget_posts),
    KeyIssued: Copy(key_issued, forget_missing_keys),
}
