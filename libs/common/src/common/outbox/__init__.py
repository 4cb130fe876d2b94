"""Producing events: a use case adds one to the outbox; the relay numbers and publishes it."""

from common.outbox.log import LogPage, read_log
from common.outbox.outbox import Outbox
from common.outbox.relay import Relay

__all__ = ["LogPage", "Outbox", "Relay", "read_log"]
