"""A place in the log, by the name that producers know it by.

It is defined outside of this package, whose import declares the tables of a producer.
"""

from common.place import EMPTY, Place, stream_key

__all__ = ["EMPTY", "Place", "stream_key"]
