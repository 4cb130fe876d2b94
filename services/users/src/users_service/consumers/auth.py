"""Auth's events: the username is copied, so that no read has to ask auth."""

from common.clock import utc_now
from common.contracts import AccountRegistered, UsernameChanged
from common.streams import Received, key_owner_renamed
from users_service.unit_of_work import Tx
from users_service.usecases import profiles


async def account_registered(tx: Tx, event: Received[AccountRegistered]) -> None:
    await profiles.copy_username(
        tx,
        account_id=event.data.account_id,
        username=event.data.username,
        place=event.place,
        now=utc_now(),
    )


async def username_changed(tx: Tx, event: Received[UsernameChanged]) -> None:
    await key_owner_renamed(tx, event)
    await profiles.copy_username(
        tx,
        account_id=event.data.account_id,
        username=event.data.username,
        place=event.place,
        now=utc_now(),
    )
