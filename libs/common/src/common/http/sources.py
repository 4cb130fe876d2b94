"""Which address a request comes from.

It is that of the connection, unless that is a proxy's which the settings name: then it is what the
nearest proxy of those says. What a client writes itself is never believed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from fastapi import Request

from common.settings import ServiceSettings

type Address = IPv4Address | IPv6Address
type Network = IPv4Network | IPv6Network

_FORWARDED: Final = "x-forwarded-for"
# What one customer of a provider has: of IPv6 never less than 64 bits.
_HOSTS: Final = {4: 32, 6: 64}
_NOWHERE: Final = "unknown"


@dataclass(frozen=True, slots=True)
class Source:
    """What limits count a request by: its client's address, and the network around that."""

    address: str
    network: str


def source_of(request: Request, settings: ServiceSettings) -> Source:
    """Return what to count a request by; all without an address are one client."""
    address = client_address(request, settings.trusted_proxies)
    if address is None:
        return Source(_NOWHERE, _NOWHERE)
    networks = {4: settings.network_ipv4_prefix, 6: settings.network_ipv6_prefix}
    return Source(
        str(network_around(address, _HOSTS[address.version])),
        str(network_around(address, networks[address.version])),
    )


def network_around(address: Address, prefix: int) -> Network:
    """Return the network of so many bits that an address is in."""
    return ip_network(f"{address}/{prefix}", strict=False)


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
