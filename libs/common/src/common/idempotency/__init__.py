"""Requests that may be sent again: the effect of a key and its answer commit together, once.

What rolls back keeps no answer, so that the next try runs. Nothing here speaks HTTP.
"""

from common.idempotency.answers import (
    Answer,
    KeyedRequest,
    KeyInUse,
    KeyReused,
    claim_key,
    keep_answer,
)
from common.idempotency.expiry import answer_loops

__all__ = [
    "Answer",
    "KeyInUse",
    "KeyReused",
    "KeyedRequest",
    "answer_loops",
    "claim_key",
    "keep_answer",
]
