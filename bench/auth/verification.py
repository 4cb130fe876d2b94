"""What it costs to verify an access token that was verified before."""

import time
from typing import Final

from auth_service.usecases.keys import AccessTokenSigner
from bench.parts import sign_token, signing_key
from common.ids import new_id
from common.tokens import UserTokens

_ISSUER: Final = "http://localhost:8080"
_AUDIENCE: Final = "colonnade"
# As many as a busy process meets in turns; the same one again would stay in the nearest cache.
_TOKENS: Final = 1_000
_TURNS: Final = 100


def remembered_microseconds() -> float:
    """Return the processor's time of one verification, in microseconds."""
    key = signing_key()
    signer = AccessTokenSigner(lambda _: key, _ISSUER, _AUDIENCE, 600)
    tokens = [sign_token(signer, new_id(), f"user{number}") for number in range(_TOKENS)]
    verifier = UserTokens(_ISSUER, _AUDIENCE)
    verifier.use_keys({"keys": [key.as_dict(private=False)]})
    for token in tokens:
        verifier.verify(token)
    started = time.thread_time()
    for _ in range(_TURNS):
        for token in tokens:
            verifier.verify(token)
    return (time.thread_time() - started) / (_TURNS * _TOKENS) * 1e6
