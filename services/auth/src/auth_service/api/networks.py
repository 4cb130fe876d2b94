"""Where a request comes from, by its address and its User-Agent, as its owner is told."""

from collections.abc import Sequence
from typing import Final

from fastapi import Request

from auth_service.usecases.sessions import Client
from common.http.sources import Network, client_address, network_around

_LONGEST_USER_AGENT: Final = 256
# What is kept of an address: a place, but hardly a person.
_PREFIXES: Final = {4: 24, 6: 48}


def client_of_request(request: Request, proxies: Sequence[Network]) -> Client:
    """Return what a request tells of where it comes from."""
    address = client_address(request, proxies)
    network = None
    if address is not None:
        network = str(network_around(address, _PREFIXES[address.version]))
    agent = request.headers.get("user-agent", "")[:_LONGEST_USER_AGENT]
    return Client("".join(filter(str.isprintable, agent)), network)
