"""Proofs that somebody reads an address's mail: a link, or a code of six digits.

Whoever asks gets a nonce, and what is mailed is worth something together with it alone: neither a
link that is forwarded, nor a code that is told to somebody else, opens anything in their hands.
Guessing is bounded per challenge and, as anybody may ask for challenges, per address and day.
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from auth_service.errors import CodeInvalid, LinkElsewhere, LinkInvalid
from auth_service.models import Account, Action, Challenge, LinkPurpose
from auth_service.unit_of_work import Tx
from auth_service.usecases.links import LinkSigner, use_link_of
from auth_service.usecases.mail_requests import request_mail
from common.ids import new_id

ATTEMPTS: Final = 5
# NIST SP 800-63B-4, 3.2.2 allows 100 in a row; a right code or a link may come in between.
ATTEMPTS_A_DAY: Final = 50
_A_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Prover:
    """What proofs are made and checked with."""

    signer: LinkSigner
    life: timedelta


async def open_challenge(
    tx: Tx,
    *,
    prover: Prover,
    email: str,
    purpose: LinkPurpose,
    account_id: UUID | None = None,
    mail: bool,
    now: datetime,
) -> str:
    """Ask for a mail to an address and return the nonce that its content counts with.

    The statements are the same for every address; who reads no mail learns nothing. Without `mail`
    there is none, and so no proof: the nonce is as good as any.
    """
    nonce = secrets.token_urlsafe(32)
    if not mail:
        return nonce
    challenge = Challenge(
        id=new_id(),
        email=email,
        purpose=purpose,
        nonce_hash=_hash(nonce),
        created_at=now,
        expires_at=now + prover.life,
    )
    tx.challenges.add(challenge)
    await request_mail(
        tx, id=challenge.id, email=email, purpose=purpose, account_id=account_id, now=now
    )
    return nonce


async def prove_by_code(
    tx: Tx, *, prover: Prover, purpose: LinkPurpose, nonce: str, code: str, now: datetime
) -> Account:
    """Return the account whose owner was mailed the code, locked; it counts once.

    Raises:
        CodeInvalid: It is wrong, used, too old, of another client, or one too many; it is counted.
    """
    challenge = await tx.challenges.find_locked(_hash(nonce), purpose, now=now)
    if challenge is None:
        raise CodeInvalid(field="code")
    today = await tx.challenges.count_attempts(challenge.email, since=now - _A_DAY)
    if challenge.attempts >= ATTEMPTS or today >= ATTEMPTS_A_DAY:
        raise CodeInvalid(field="code")
    right = prover.signer.code(challenge.id, purpose)
    if not hmac.compare_digest(right.encode(), code.encode()):
        challenge.attempts += 1
        # Of an address without an account too, by the same statements.
        account = await tx.accounts.find_by_email(challenge.email)
        owner_id = account.id if account else None
        details = {"purpose": str(purpose)}
        tx.audit.add(Action.CODE_REFUSED, account_id=owner_id, by=None, details=details)
        raise CodeInvalid(field="code")
    try:
        return await _accept(tx, challenge, purpose, now=now)
    except LinkInvalid as error:
        # The mail was never written, or what it said works no longer.
        raise CodeInvalid(field="code") from error


async def prove_by_link(
    tx: Tx, *, prover: Prover, purpose: LinkPurpose, nonce: str | None, token: str, now: datetime
) -> Account:
    """Return the account whose owner was mailed the link, locked; it counts once.

    Raises:
        LinkInvalid: It is forged, used, replaced or too old.
        LinkElsewhere: It is none of these, but was asked for by another client.
    """
    link_id = prover.signer.read(token, purpose)
    challenge = None
    if nonce is not None:
        challenge = await tx.challenges.find_locked(_hash(nonce), purpose, now=now)
    if challenge is None or challenge.id != link_id:
        if await tx.links.find_open(link_id, now=now) is None:
            raise LinkInvalid
        raise LinkElsewhere
    return await _accept(tx, challenge, purpose, now=now)


async def forget_challenges(tx: Tx, *, now: datetime) -> None:
    """Remove what no answer and no count asks for any more."""
    await tx.challenges.forget(before=now - _A_DAY)
    await tx.links.forget_challenged(before=now - _A_DAY)


async def _accept(tx: Tx, challenge: Challenge, purpose: LinkPurpose, *, now: datetime) -> Account:
    account, _ = await use_link_of(tx, link_id=challenge.id, purpose=purpose, now=now)
    await tx.challenges.remove(challenge.id)
    return account


def _hash(nonce: str) -> bytes:
    # It is random, so a fast hash is enough.
    return sha256(nonce.encode()).digest()
