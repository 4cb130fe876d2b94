"""What posts does with the events of others: each type has one function, each copy a rebuild."""

from common.contracts import ProfileChanged
from common.streams import Copies, Copy, Handlers
from posts_service.consumers import users
from posts_service.unit_of_work import Tx

HANDLERS: Handlers[Tx] = {ProfileChanged: users.profile_changed}
COPIES: Copies[Tx] = {ProfileChanged: Copy(users.profile_changed, users.forget_profiles)}
