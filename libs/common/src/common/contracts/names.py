"""Wire names: whose fact it is, what happened, and in which version of its contract."""

import re
from typing import NamedTuple

_WIRE_NAME = re.compile(r"([a-z][a-z0-9_]*)\.([a-z][a-z0-9_]*)\.v([1-9][0-9]*)")


class WireName(NamedTuple):
    """`(producer, fact)` names a kind of event; versions of one kind never understand each other.

    A consumer that handles another version of a kind must not skip this one as unknown.
    """

    producer: str
    fact: str
    version: int


def parse_wire_name(name: str) -> WireName:
    """Return the parts of `<producer>.<fact>.v<version>`.

    Raises:
        ValueError: No contract can have this name.
    """
    match = _WIRE_NAME.fullmatch(name)
    if match is None:
        raise ValueError(f"{name!r} is not a wire name like users.profile_changed.v1")
    producer, fact, version = match.groups()
    return WireName(producer, fact, int(version))
