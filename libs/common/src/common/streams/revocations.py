"""The reaction of every service to the end of sessions: it copies them into its own table."""

from common.contracts import SessionsRevoked
from common.db.revocations import add_revocations
from common.streams.effects import HasSession, Received


async def sessions_revoked(tx: HasSession, event: Received[SessionsRevoked]) -> None:
    """Accept no token of these sessions any more, from the next second on."""
    await add_revocations(tx.session, event.data.session_ids, expires_at=event.data.expires_at)
