"""The copy that every service keeps of personal access tokens."""

from common.contracts import KeyIssued, KeyRevoked, UsernameChanged
from common.db.key_copies import copy_key, forget_keys, rename_owner, revoke_keys
from common.personal_keys.card import KeyCard
from common.place import Place
from common.streams.effects import HasSession, Received


async def key_issued(tx: HasSession, event: Received[KeyIssued]) -> None:
    """Accept a token."""
    data = event.data
    card = KeyCard(
        key_id=data.key_id,
        account_id=data.account_id,
        username=data.username,
        scopes=data.scopes,
        expires_at=data.expires_at,
    )
    await copy_key(tx.session, card, bytes.fromhex(data.token_hash), event.place)


async def key_revoked(tx: HasSession, event: Received[KeyRevoked]) -> None:
    """Accept a token no more, from the next second on."""
    await revoke_keys(
        tx.session, [event.data.key_id], revoked_at=event.data.revoked_at, place=event.place
    )


async def key_owner_renamed(tx: HasSession, event: Received[UsernameChanged]) -> None:
    """Let tokens speak for their owner under the new username."""
    await rename_owner(tx.session, event.data.account_id, event.data.username, event.place)


async def forget_missing_keys(tx: HasSession, place: Place) -> None:
    """Accept no token that a snapshot lacked: it was revoked, or has expired."""
    await forget_keys(tx.session, place)
