"""Logging in without a password, by whoever reads the account's mail."""

from datetime import datetime

from auth_service.errors import AccountDisabled
from auth_service.models import Account, LinkPurpose
from auth_service.unit_of_work import Tx
from auth_service.usecases.challenges import (
    Prover,
    open_challenge,
    prove_by_code,
    prove_by_link,
)
from auth_service.usecases.sessions import Client, Method, SessionPolicy, Tokens, open_session

_PURPOSE = LinkPurpose.LOG_IN


async def request_login(tx: Tx, *, prover: Prover, email: str, mail: bool, now: datetime) -> str:
    """Ask for a mail that logs in; return the nonce that it takes besides."""
    return await open_challenge(
        tx, prover=prover, email=email, purpose=_PURPOSE, mail=mail, now=now
    )


async def log_in_by_code(
    tx: Tx,
    *,
    prover: Prover,
    policy: SessionPolicy,
    nonce: str,
    code: str,
    client: Client,
    now: datetime,
) -> Tokens:
    """Open a session for whoever types the mailed code where it was asked for.

    Raises:
        CodeInvalid: The code is wrong, used, too old, of another client, or one too many.
        AccountDisabled: It is right, but nobody may log in to the account.
    """
    account = await prove_by_code(
        tx, prover=prover, purpose=_PURPOSE, nonce=nonce, code=code, now=now
    )
    return await _enter(tx, policy, account, client, now)


async def log_in_by_link(
    tx: Tx,
    *,
    prover: Prover,
    policy: SessionPolicy,
    nonce: str | None,
    token: str,
    client: Client,
    now: datetime,
) -> Tokens:
    """Open a session for whoever follows the mailed link where it was asked for.

    Raises:
        LinkInvalid: The link is forged, used, replaced or too old.
        LinkElsewhere: It was asked for by another client.
        AccountDisabled: It is right, but nobody may log in to the account.
    """
    account = await prove_by_link(
        tx, prover=prover, purpose=_PURPOSE, nonce=nonce, token=token, now=now
    )
    return await _enter(tx, policy, account, client, now)


async def _enter(
    tx: Tx, policy: SessionPolicy, account: Account, client: Client, now: datetime
) -> Tokens:
    if account.disabled_at is not None:
        raise AccountDisabled
    return await open_session(tx, policy, account, client, method=Method.EMAIL, now=now)
