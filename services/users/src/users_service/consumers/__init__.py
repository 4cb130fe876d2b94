"""What users does with the events of others: each type has one function, each copy a rebuild."""

from common.contracts import (
    AccountRegistered,
    KeyIssued,
    KeyRevoked,
    SessionsRevoked,
    UsernameChanged,
)
from common.streams import (
    Copies,
    Copy,
    Handlers,
    forget_missing_keys,
    key_issued,
    key_revoked,
    sessions_revoked,
)
from users_service.consumers import auth
from users_service.unit_of_work import Tx

HANDLERS: Handlers[Tx] = {
    AccountRegistered: auth.account_registered,
    UsernameChanged: auth.username_changed,
    SessionsRevoked: sessions_revoked,
    KeyIssued: key_issued,
    KeyRevoked: key_revoked,
}
# A profile is more than a copy of an account: one that auth does not know stays.
COPIES: Copies[Tx] = {
    AccountRegistered: Copy(auth.account_registered),
    KeyIssued: Copy(key_issued, forget_missing_keys),
}
