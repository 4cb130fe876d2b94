"""Consuming events: in the producer's order, each taking effect exactly once."""

from common.streams.consumer import Consumer, Handlers, Received
from common.streams.processes import consumer_loops

__all__ = ["Consumer", "Handlers", "Received", "consumer_loops"]
