"""What posts does with the events of others: each type has one function."""

from common.contracts import ProfileChanged
from common.streams import Handlers
from posts_service.consumers import users
from posts_service.unit_of_work import Tx

HANDLERS: Handlers[Tx] = {ProfileChanged: users.profile_changed}
