"""Sessions: login opens one, refresh rotates its token, logout or a stolen token ends it.

A refresh token's successor is derived from it, so that parallel tabs that refresh with the same
token get the same successor, although only hashes are stored (RFC 9700, 4.14.2).
"""

import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from auth_service.errors import (
    CredentialsInvalid,
    EmailNotVerified,
    RefreshTokenInvalid,
    RefreshTokenReused,
)
from auth_service.models import Account, RefreshToken, Session
from auth_service.unit_of_work import Reads, Tx
from auth_service.usecases.keys import AccessTokenSigner
from auth_service.usecases.passwords import Passwords
from common.ids import new_id


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """How sessions are signed and how long their tokens live."""

    signer: AccessTokenSigner
    secret: bytes
    refresh_life: timedelta
    refresh_grace: timedelta

    def successor(self, token: str) -> str:
        """Return the token that replaces `token`: always the same one, and only for its holder."""
        mac = hmac.new(self.secret, f"refresh:{token}".encode(), sha256)
        return urlsafe_b64encode(mac.digest()).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a client gets: both tokens and the access token's life in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int


async def log_in(
    tx: Tx,
    *,
    open_reads: Callable[[], AbstractAsyncContextManager[Reads]],
    policy: SessionPolicy,
    passwords: Passwords,
    email: str,
    password: str,
    now: datetime,
) -> Tokens:
    """Open a session for the owner of a verified account.

    Raises:
        CredentialsInvalid: Address or password is wrong; which of them is not said.
        EmailNotVerified: Both are right, but the address was never verified.
        PasswordsBusy: Too many others are logging in.
    """
    # Before the transaction's first statement: no connection is held while the password is hashed.
    async with open_reads() as reads:
        password_hash = await reads.accounts.find_password_hash(email)
    matches = await passwords.matches(password, password_hash)
    if password_hash is None or not matches:
        raise CredentialsInvalid
    renewed = await passwords.renewed(password, password_hash)
    # Locked, so that whoever changes the password ends this session too, or prevents it.
    account = await tx.accounts.find_by_email(email, lock=True)
    if account is None or account.password_hash != password_hash:
        raise CredentialsInvalid
    if account.verified_at is None:
        raise EmailNotVerified
    account.password_hash = renewed or password_hash
    session = Session(id=new_id(), account_id=account.id, created_at=now)
    await tx.sessions.add(session)
    refresh_token = secrets.token_urlsafe(32)
    _store(tx, policy, session.id, refresh_token, now)
    return _tokens(policy, account, session, refresh_token, now)


async def refresh_session(tx: Tx, *, policy: SessionPolicy, token: str, now: datetime) -> Tokens:
    """Exchange a refresh token for its successor and a new access token.

    A used token is answered with the same successor during the grace; later it must have been
    stolen, by whoever uses it second, and its session ends.

    Raises:
        RefreshTokenInvalid: It is unknown or too old, or its session has ended.
        RefreshTokenReused: It was used before; the session has ended now.
    """
    found = await tx.sessions.find_by_token(_hash(token))
    if found is None:
        raise RefreshTokenInvalid
    stored, session = found
    if session.ended_at is not None or stored.expires_at <= now:
        raise RefreshTokenInvalid
    if stored.used_at is None:
        stored.used_at = now
        _store(tx, policy, session.id, policy.successor(token), now)
    elif now - stored.used_at > policy.refresh_grace:
        await tx.sessions.end(session.id, now=now)
        raise RefreshTokenReused
    account = await tx.accounts.get(session.account_id)
    return _tokens(policy, account, session, policy.successor(token), now)


async def log_out(tx: Tx, *, token: str, now: datetime) -> None:
    """End the session of a refresh token; of an unknown token there is nothing to end."""
    found = await tx.sessions.find_by_token(_hash(token))
    if found is not None:
        await tx.sessions.end(found[1].id, now=now)


def _hash(token: str) -> bytes:
    # The token is random, so a fast hash is enough (ASVS 5.0, 11.4.2 concerns passwords).
    return sha256(token.encode()).digest()


def _store(tx: Tx, policy: SessionPolicy, session_id: UUID, token: str, now: datetime) -> None:
    tx.sessions.add_token(
        RefreshToken(
            id=new_id(),
            session_id=session_id,
            token_hash=_hash(token),
            expires_at=now + policy.refresh_life,
        )
    )


def _tokens(
    policy: SessionPolicy, account: Account, session: Session, refresh_token: str, now: datetime
) -> Tokens:
    access_token = policy.signer.sign(
        account, session_id=session.id, auth_time=session.created_at, now=now
    )
    return Tokens(access_token, refresh_token, policy.signer.life_seconds)
