"""Events of the service that owns accounts and credentials. None of them carries a secret."""

from typing import ClassVar
from uuid import UUID

from common.contracts.base import Event


class AccountRegistered(Event):
    """An account's address was verified: from now on the person exists for everyone."""

    wire_name: ClassVar = "auth.account_registered.v1"

    account_id: UUID
    username: str


class EmailVerificationRequested(Event):
    """Somebody registered an address that is not verified yet; `link_id` names the mailed link."""

    wire_name: ClassVar = "auth.email_verification_requested.v1"

    account_id: UUID
    email: str
    username: str
    link_id: UUID


class KnownAddressRegistered(Event):
    """Somebody tried to register an address that already has a verified account."""

    wire_name: ClassVar = "auth.known_address_registered.v1"

    account_id: UUID
    email: str
    username: str
