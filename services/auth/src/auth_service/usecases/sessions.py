"""Sessions: login opens one, refresh rotates its token, logout or a stolen token ends it.

A refresh token's successor is derived from it, so that parallel tabs that refresh with the same
token get the same successor, although only hashes are stored (RFC 9700, 4.14.2).
"""

import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from itertools import batched
from typing import Any, Final, Self
from uuid import UUID

from auth_service.errors import (
    AccountDisabled,
    CredentialsInvalid,
    EmailNotVerified,
    RefreshTokenInvalid,
    RefreshTokenReused,
    SessionNotFound,
)
from auth_service.models import Account, Action, RefreshToken, Session
from auth_service.repositories.audit import Origin, Owner
from auth_service.repositories.logins import Holder, Logins
from auth_service.repositories.sessions import OpenSession
from auth_service.unit_of_work import Reads, Tx
from auth_service.usecases.devices import describe_device
from auth_service.usecases.keys import AccessTokenSigner
from auth_service.usecases.passwords import Passwords
from common.contracts import NewDeviceLoggedIn, SessionsRevoked, SessionStolen
from common.errors import AppError
from common.ids import new_id
from common.tokens import User

_REVOKED_AT_ONCE: Final = 500
_LONGEST_IMPERSONATION_SECONDS: Final = 900
# Verifiers allow for clocks that differ, and a token may be signed while its session ends.
_TOKEN_MARGIN: Final = timedelta(seconds=60)


class Method(StrEnum):
    """How somebody shows who they are, as `amr` tells it (RFC 8176)."""

    PASSWORD = "pwd"  # noqa: S105 — the name of a method.
    EMAIL = "email"


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """How sessions are signed and how long they and their tokens live."""

    signer: AccessTokenSigner
    secret: bytes
    refresh_life: timedelta
    refresh_grace: timedelta
    session_life: timedelta
    recent_life: timedelta

    @property
    def revocation_life(self) -> timedelta:
        """How long after the end of a session a token of its might still be accepted."""
        return timedelta(seconds=self.signer.life_seconds) + _TOKEN_MARGIN

    @property
    def impersonation_seconds(self) -> int:
        """How long a token lives that speaks for somebody else."""
        return min(self.signer.life_seconds, _LONGEST_IMPERSONATION_SECONDS)

    def successor(self, token: str) -> str:
        """Return the token that replaces `token`: always the same one, and only for its holder."""
        mac = hmac.new(self.secret, f"refresh:{token}".encode(), sha256)
        return urlsafe_b64encode(mac.digest()).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Client:
    """What a request tells of where it comes from; a claim, kept for the owner to look at."""

    user_agent: str
    network: str | None

    @property
    def origin(self) -> Origin:
        """What the audit keeps of it."""
        return {"network": self.network, "user_agent": self.user_agent}

    @property
    def device(self) -> str:
        """What its User-Agent says in words."""
        return describe_device(self.user_agent)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a client gets: both tokens and the access token's life in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int


async def log_in(
    tx: Tx,
    *,
    logins: Logins,
    policy: SessionPolicy,
    passwords: Passwords,
    email: str,
    password: str,
    client: Client,
    now: datetime,
) -> Tokens:
    """Open a session for the owner of a verified account.

    Raises:
        CredentialsInvalid: Address or password is wrong; which of them is not said.
        EmailNotVerified: Both are right, but the address was never verified.
        AccountDisabled: Both are right, but nobody may log in to it.
        PasswordsBusy: Too many others are logging in.
    """
    # Before the transaction's first statement: no connection is held while the password is hashed.
    found = await logins.find(email)
    matches = await passwords.matches(password, found.password_hash if found else None)
    if found is None or not matches:
        raise _refused(tx, found.account_id if found else None, CredentialsInvalid())
    renewed = await passwords.renewed(password, found.password_hash)
    opening = _Opening.of(tx, policy, found.account_id, client, method=Method.PASSWORD, now=now)
    if renewed is None:
        rows = (opening.session, opening.stored, opening.entry)
        holder = await logins.open(*rows, password_hash=found.password_hash)
        if holder is not None:
            return opening.tokens(policy, holder, now)
    # Locked, so that whoever changes the password ends this session too, or prevents it.
    account = await tx.accounts.find_by_email(email, lock=True)
    if account is None or account.password_hash != found.password_hash:
        raise _refused(tx, found.account_id, CredentialsInvalid())
    if account.verified_at is None:
        raise _refused(tx, account.id, EmailNotVerified())
    if account.disabled_at is not None:
        raise _refused(tx, account.id, AccountDisabled())
    account.password_hash = renewed or found.password_hash
    return await _open(tx, policy, account, opening, now=now)


def _refused(tx: Tx, account_id: UUID | None, error: AppError) -> AppError:
    """Note a login that is refused, of an address without an account too, by the same statement."""
    details = {"code": error.code}
    tx.audit.add(Action.LOGIN_REFUSED, account_id=account_id, by=None, details=details)
    return error


async def refresh_session(
    tx: Tx, *, policy: SessionPolicy, token: str, client: Client, now: datetime
) -> Tokens:
    """Exchange a refresh token for its successor and a new access token.

    A used token is answered with the same successor during the grace; later it must have been
    stolen, by whoever uses it second: its session ends, and the owner is told by mail.

    Raises:
        RefreshTokenInvalid: It is unknown or too old, or its session has ended or is too old.
        RefreshTokenReused: It was used before; the session has ended now.
    """
    found = await tx.sessions.find_by_token(_hash(token))
    if found is None:
        raise RefreshTokenInvalid
    stored, session = found
    too_old = session.created_at + policy.session_life <= now or stored.expires_at <= now
    if session.ended_at is not None or too_old:
        raise RefreshTokenInvalid
    if stored.used_at is None:
        stored.used_at = session.last_used_at = now
        session.user_agent, session.network = client.user_agent, client.network
        session.device = client.device
        tx.sessions.add_token(_stored(policy, session.id, policy.successor(token), now))
    elif now - stored.used_at > policy.refresh_grace:
        await _report_theft(tx, policy, session, now=now)
        raise RefreshTokenReused
    account = await tx.accounts.get(session.account_id)
    return _tokens(policy, account, session, policy.successor(token), now)


async def log_out(tx: Tx, *, policy: SessionPolicy, token: str, now: datetime) -> None:
    """End the session of a refresh token; of an unknown token there is nothing to end."""
    found = await tx.sessions.find_by_token(_hash(token))
    if found is not None and await _end_session(tx, policy, found[1], now=now):
        owner = Owner(found[1].account_id, found[1].id)
        tx.audit.add(Action.LOGOUT, account_id=owner.id, by=owner)


async def list_sessions(
    reads: Reads,
    *,
    policy: SessionPolicy,
    user: User,
    after: UUID | None,
    limit: int,
    now: datetime,
) -> list[OpenSession]:
    """List the caller's sessions that can still be refreshed, newest first, after `after`."""
    return await reads.sessions.list_open(
        user.id,
        used_since=now - policy.refresh_life,
        opened_since=now - policy.session_life,
        impersonated_since=now - timedelta(seconds=policy.impersonation_seconds),
        after=after,
        limit=limit,
    )


async def was_seen(
    reads: Reads, *, policy: SessionPolicy, email: str, network: str, now: datetime
) -> bool:
    """Tell whether the owner of an address had a session in a network lately."""
    since = now - policy.session_life
    return await reads.sessions.was_seen_in(network, email=email, since=since)


async def end_session(
    tx: Tx, *, policy: SessionPolicy, user: User, session_id: UUID, now: datetime
) -> None:
    """End one of the caller's sessions.

    Raises:
        SessionNotFound: It is another's, has ended, or never was.
    """
    ended = await tx.sessions.end(session_id, account_id=user.id, now=now)
    if not ended:
        raise SessionNotFound
    await revoke_sessions(tx, policy=policy, account_id=user.id, session_ids=ended, now=now)
    details = {"session_id": str(session_id)}
    tx.audit.add(Action.LOGOUT, account_id=user.id, by=user, details=details)


async def end_other_sessions(tx: Tx, *, policy: SessionPolicy, user: User, now: datetime) -> None:
    """End all of the caller's sessions but the one that asks."""
    ended = await tx.sessions.end_all(user.id, but=user.sid, now=now)
    await revoke_sessions(tx, policy=policy, account_id=user.id, session_ids=ended, now=now)
    if ended:
        details = {"sessions": len(ended)}
        tx.audit.add(Action.LOGOUT, account_id=user.id, by=user, details=details)


async def revoke_sessions(
    tx: Tx,
    *,
    policy: SessionPolicy,
    account_id: UUID,
    session_ids: Sequence[UUID],
    now: datetime,
) -> None:
    """Tell everybody that access tokens of sessions that have ended count no longer."""
    expires_at = now + policy.revocation_life
    await tx.sessions.revoke(session_ids, expires_at=expires_at)
    for part in batched(session_ids, _REVOKED_AT_ONCE, strict=False):
        event = SessionsRevoked(
            account_id=account_id, session_ids=list(part), revoked_at=now, expires_at=expires_at
        )
        await tx.outbox.add(event, key=account_id)


async def open_session(
    tx: Tx,
    policy: SessionPolicy,
    account: Account,
    client: Client,
    *,
    method: Method,
    now: datetime,
) -> Tokens:
    """Open a session of a locked account, whose owner has shown who they are.

    They are told by mail when no session before had this device, or none came from this network:
    it may not have been them. The first session of all is no news.
    """
    opening = _Opening.of(tx, policy, account.id, client, method=method, now=now)
    return await _open(tx, policy, account, opening, now=now)


@dataclass(frozen=True, slots=True)
class _Opening:
    """A session before it is written, with its first token and what the audit tells of it."""

    session: Session
    refresh_token: str
    stored: RefreshToken
    entry: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        tx: Tx,
        policy: SessionPolicy,
        account_id: UUID,
        client: Client,
        *,
        method: Method,
        now: datetime,
    ) -> Self:
        session = Session(
            id=new_id(),
            account_id=account_id,
            created_at=now,
            last_used_at=now,
            user_agent=client.user_agent,
            device=client.device,
            network=client.network,
            amr=[method],
        )
        refresh_token = secrets.token_urlsafe(32)
        owner = Owner(account_id, session.id)
        details = {} if method is Method.PASSWORD else {"method": str(method)}
        entry = tx.audit.values(Action.LOGIN, account_id=account_id, by=owner, details=details)
        return cls(session, refresh_token, _stored(policy, session.id, refresh_token, now), entry)

    def tokens(self, policy: SessionPolicy, holder: Account | Holder, now: datetime) -> Tokens:
        return _tokens(policy, holder, self.session, self.refresh_token, now)


async def _open(
    tx: Tx, policy: SessionPolicy, account: Account, opening: _Opening, *, now: datetime
) -> Tokens:
    known = await tx.sessions.open(opening.session, opening.stored, opening.entry)
    if known.is_elsewhere:
        await _report_new_device(tx, account, opening.session, now=now)
    return opening.tokens(policy, account, now)


async def _report_new_device(tx: Tx, account: Account, session: Session, *, now: datetime) -> None:
    event = NewDeviceLoggedIn(
        account_id=account.id,
        email=account.email,
        username=account.username,
        device=session.device,
        network=session.network,
        logged_in_at=now,
    )
    await tx.outbox.add(event, key=account.id)


async def _report_theft(tx: Tx, policy: SessionPolicy, session: Session, *, now: datetime) -> None:
    await _end_session(tx, policy, session, now=now)
    details = {"session_id": str(session.id)}
    tx.audit.add(Action.SESSION_STOLEN, account_id=session.account_id, by=None, details=details)
    account = await tx.accounts.get(session.account_id)
    event = SessionStolen(
        account_id=account.id,
        email=account.email,
        username=account.username,
        device=describe_device(session.user_agent),
        ended_at=now,
    )
    await tx.outbox.add(event, key=account.id)


async def _end_session(tx: Tx, policy: SessionPolicy, session: Session, *, now: datetime) -> bool:
    """End a session; tell whether it had not ended before."""
    account_id = session.account_id
    ended = await tx.sessions.end(session.id, account_id=account_id, now=now)
    await revoke_sessions(tx, policy=policy, account_id=account_id, session_ids=ended, now=now)
    return bool(ended)


def _hash(token: str) -> bytes:
    # The token is random, so a fast hash is enough (ASVS 5.0, 11.4.2 concerns passwords).
    return sha256(token.encode()).digest()


def _stored(policy: SessionPolicy, session_id: UUID, token: str, now: datetime) -> RefreshToken:
    return RefreshToken(
        id=new_id(),
        session_id=session_id,
        token_hash=_hash(token),
        expires_at=now + policy.refresh_life,
    )


def _tokens(
    policy: SessionPolicy,
    account: Account | Holder,
    session: Session,
    refresh_token: str,
    now: datetime,
) -> Tokens:
    access_token = policy.signer.sign(
        account,
        session_id=session.id,
        auth_time=session.auth_time,
        amr=session.amr,
        now=now,
    )
    return Tokens(access_token, refresh_token, policy.signer.life_seconds)
