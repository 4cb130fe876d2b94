"""Consuming events: in the producer's order, each taking effect exactly once."""

from common.streams.bootstrap import Bootstrap, Copies, Copy
from common.streams.consumer import Consumer
from common.streams.effects import Effects, Handlers, Received
from common.streams.personal_keys import (
    forget_missing_keys,
    key_issued,
    key_owner_renamed,
    key_revoked,
)
from common.streams.processes import consumer_loops
from common.streams.revocations import sessions_revoked

__all__ = [
    "Bootstrap",
    "Consumer",
    "Copies",
    "Copy",
    "Effects",
    "Handlers",
    "Received",
    "consumer_loops",
    "forget_missing_keys",
    "key_issued",
    "key_owner_renamed",
    "key_revoked",
    "sessions_revoked",
]
