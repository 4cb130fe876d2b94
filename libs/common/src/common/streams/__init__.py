"""Consuming events: in the producer's order, each taking effect exactly once."""

from common.streams.consumer import Consumer, Handlers, Received

__all__ = ["Consumer", "Handlers", "Received"]
