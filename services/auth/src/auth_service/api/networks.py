"""Where a request comes from, by its address and its User-Agent.

The address is that of the connection, unless that is a proxy's which the settings name: then it is
what the nearest proxy of those says. What a client writes itself is never believed.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from fastapi import Request

from auth_service.usecases.sessions import Client

type Address = IPv4Address | IPv6Address
type Network = IPv4Network | IPv6Network

_FORWARDED: Final = "x-forwarded-for"
_LONGEST_USER_AGENT: Final = 256
# What is kept of an address: a place, but hardly a person.
_PREFIXES: Final = {4: 24, 6: 48}


def client_of_request(request: Request, proxies: Sequence[Network]) -> Client:
    """Return what a request tells of where it comes from."""
    address = client_address(request, proxies)
    network = None
    if address is not None:
        prefix = _PREFIXES[address.version]
        network = str(ip_network(f"{address}/{prefix}", strict=False))
    agent = request.headers.get("user-agent", "")[:_LONGEST_USER_AGENT]
    return Client("".join(filter(str.isprintable, agent)), network)


def client_address(request: Request, proxies: Sequence[Network]) -> Address | None:
    """Return the address that the nearest proxy saw which is none of ours; None if it is none."""
    told = ",".join(request.headers.getlist(_FORWARDED)).split(",")
    peer = request.client.host if request.client else ""
    address = None
    for hop in (peer, *reversed(told)):
        found = _parsed(hop.strip())
        if found is None:
            break
        address = found
        if not any(found in proxy for proxy in proxies):
            break
    return address


def _parsed(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        # A zone names an interface of the proxy's; a mapped address is one of IPv4.
        return address.ipv4_mapped or IPv6Address(int(address))
    return address
