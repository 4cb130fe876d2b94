"""Personal access tokens, for services that verify them."""

from typing import Annotated

from fastapi import APIRouter, Path, status

from auth_service.api.dependencies import InTransaction, WithReads
from auth_service.api.schemas.personal_keys import KeyUses
from auth_service.usecases import personal_keys
from common.clock import utc_now
from common.http.dependencies import CurrentCaller
from common.personal_keys.card import KeyCard

router = APIRouter(prefix="/internal/personal-keys", tags=["internal"])

TokenHash = Annotated[
    str, Path(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the token, in hexadecimal digits.")
]


@router.get("/{token_hash}")
async def introspect_key(token_hash: TokenHash, reads: WithReads, caller: CurrentCaller) -> KeyCard:
    """Return what a token may do that the calling service has not heard of yet."""
    del caller  # Any service may ask; who it is has been verified.
    return await personal_keys.introspect_key(
        reads, token_hash=bytes.fromhex(token_hash), now=utc_now()
    )


@router.post("/uses", status_code=status.HTTP_204_NO_CONTENT)
async def note_key_uses(body: KeyUses, tx: InTransaction, caller: CurrentCaller) -> None:
    """Note when tokens were last used at the calling service."""
    del caller  # As above.
    uses = {each.key_id: each.used_at for each in body.uses}
    await personal_keys.note_uses(tx, uses=uses, now=utc_now())
