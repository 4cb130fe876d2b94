"""What users does with the events of others: each type has one function."""

from common.contracts import AccountRegistered
from common.streams import Handlers
from users_service.consumers import auth
from users_service.unit_of_work import Tx

HANDLERS: Handlers[Tx] = {AccountRegistered: auth.account_registered}
