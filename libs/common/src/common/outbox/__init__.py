"""Producing events: a use case adds one to the outbox; the relay numbers and publishes it."""

from common.outbox.log import LogPage, read_head, read_log, register_reader
from common.outbox.outbox import Outbox, outbox_values
from common.outbox.processes import relay_loops
from common.outbox.relay import Relay
from common.outbox.retention import Retention
from common.outbox.tables import OutboxRow

__all__ = [
    "LogPage",
    "Outbox",
    "OutboxRow",
    "Relay",
    "Retention",
    "outbox_values",
    "read_head",
    "read_log",
    "register_reader",
    "relay_loops",
]
