"""Signing keys as an operator looks after them with `colonnade auth …`."""

from typing import Annotated

import structlog
from fastapi import APIRouter, Path, status

from auth_service.api.dependencies import InTransaction, WithReads, WithResources
from auth_service.api.schemas.administration import OperatorAction
from auth_service.api.schemas.signing_keys import RotationRead, SigningKeyRead, SigningKeysRead
from auth_service.usecases import signing_keys
from common.clock import utc_now
from common.http.dependencies import CurrentCaller

router = APIRouter(prefix="/internal/signing-keys", tags=["internal"])

Kid = Annotated[str, Path(min_length=1, max_length=64)]

log = structlog.get_logger()


@router.get("")
async def list_signing_keys(reads: WithReads, caller: CurrentCaller) -> SigningKeysRead:
    """List the keys that are published, in the order in which they sign."""
    del caller  # Any service may ask; who it is has been verified.
    found = await signing_keys.list_keys(reads, now=utc_now())
    return SigningKeysRead(items=[SigningKeyRead.of(each) for each in found])


@router.post("/rotate")
async def rotate_signing_keys(
    body: OperatorAction, tx: InTransaction, resources: WithResources, caller: CurrentCaller
) -> RotationRead:
    """Let the next key sign as soon as everybody knows it."""
    following = await signing_keys.rotate_keys(
        tx, policy=resources.signing_keys, actor=body.operator(caller), now=utc_now()
    )
    _note("signing_keys_rotated", following.kid, body, caller)
    return RotationRead(kid=following.kid, signs_from=following.signs_from)


@router.post("/{kid}/revoke", status_code=status.HTTP_204_NO_CONTENT)
async def revoke_signing_key(
    kid: Kid,
    body: OperatorAction,
    tx: InTransaction,
    resources: WithResources,
    caller: CurrentCaller,
) -> None:
    """Remove a key that somebody else may have: what it signed counts no longer."""
    await signing_keys.revoke_key(
        tx,
        policy=resources.signing_keys,
        actor=body.operator(caller),
        kid=kid,
        now=utc_now(),
    )
    _note("signing_key_revoked", kid, body, caller)


def _note(event: str, kid: str, body: OperatorAction, caller: str) -> None:
    log.warning(event, kid=kid, by=body.by, reason=body.reason, caller=caller)
