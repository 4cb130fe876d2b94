"""The client's address comes only from proxies that the settings name."""

from ipaddress import ip_network

import pytest
from fastapi import Request

from common.http.sources import Source, client_address, source_of
from common.settings import ServiceSettings

PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


def request(peer: str, *forwarded: str) -> Request:
    headers = [(b"x-forwarded-for", each.encode("latin-1")) for each in forwarded]
    return Request({"type": "http", "client": (peer, 1), "headers": headers})


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        # Who is no proxy of ours may write what they like.
        ("203.0.113.9", (), "203.0.113.9"),
        ("203.0.113.9", ("198.51.100.1",), "203.0.113.9"),
        ("203.0.113.9", ("10.0.0.1",), "203.0.113.9"),
        ("203.0.113.9", ("198.51.100.1, 10.0.0.1",), "203.0.113.9"),
        # A proxy of ours says whom it saw; what that one wrote stands before it.
        ("10.0.0.1", ("198.51.100.1",), "198.51.100.1"),
        ("10.0.0.1", ("1.2.3.4, 198.51.100.1",), "198.51.100.1"),
        ("10.0.0.1", ("1.2.3.4", "198.51.100.1"), "198.51.100.1"),
        # Several proxies of ours.
        ("10.0.0.1", ("1.2.3.4", "198.51.100.1, 10.9.9.9"), "198.51.100.1"),
        ("10.0.0.1", ("198.51.100.1,10.9.9.9,fd00::2",), "198.51.100.1"),
        ("10.0.0.1", ("10.2.0.1",), "10.2.0.1"),
        ("10.0.0.1", (), "10.0.0.1"),
        # Garbage ends the way back: the last one that is known counts.
        ("10.0.0.1", ("nonsense",), "10.0.0.1"),
        ("10.0.0.1", ("",), "10.0.0.1"),
        ("10.0.0.1", (", ,",), "10.0.0.1"),
        ("10.0.0.1", ("1.2.3.4, nonsense",), "10.0.0.1"),
        ("10.0.0.1", ("198.51.100.1:4711",), "10.0.0.1"),
        ("10.0.0.1", ("198.51.100.1/32",), "10.0.0.1"),
        ("10.0.0.1", ("0x7f.1",), "10.0.0.1"),
        ("10.0.0.1", ("\xb2.1.1.1",), "10.0.0.1"),
        ("10.0.0.1", ("9" * 5000,), "10.0.0.1"),
        ("10.0.0.1", ("1.2.3.4, 198.51.100.1, nonsense, 10.9.9.9",), "10.9.9.9"),
        # IPv6, also where it means IPv4.
        ("fd00::1", ("2001:db8:1:2::3",), "2001:db8:1:2::3"),
        ("fd00::1", ("fe80::1%eth0",), "fe80::1"),
        ("::ffff:203.0.113.9", ("198.51.100.1",), "203.0.113.9"),
        ("::ffff:10.0.0.1", ("198.51.100.1",), "198.51.100.1"),
        ("10.0.0.1", ("::ffff:198.51.100.1, ::ffff:10.0.0.2",), "198.51.100.1"),
        ("2001:db8::9", ("198.51.100.1",), "2001:db8::9"),
        ("testclient", (), None),
        ("testclient", ("198.51.100.1",), None),
    ],
)
def test_an_address_is_believed_of_named_proxies_alone(
    peer: str, forwarded: tuple[str, ...], address: str | None
) -> None:
    found = client_address(request(peer, *forwarded), PROXIES)
    assert (None if found is None else str(found)) == address


@pytest.mark.parametrize("peer", ["203.0.113.9", "10.0.0.1", "127.0.0.1", "::1", "fd00::1"])
def test_without_named_proxies_nobody_is_believed(peer: str) -> None:
    assert str(client_address(request(peer, "198.51.100.1"), [])) == peer


@pytest.mark.parametrize(
    ("peer", "source"),
    [
        ("203.0.113.9", Source("203.0.113.9/32", "203.0.113.0/24")),
        # Whoever has one address of IPv6 has 2^64 of them.
        ("2001:db8:1:2ff:3::4", Source("2001:db8:1:2ff::/64", "2001:db8:1:200::/56")),
        ("testclient", Source("unknown", "unknown")),
    ],
)
def test_limits_count_by_address_and_network(
    peer: str, source: Source, settings: ServiceSettings
) -> None:
    assert source_of(request(peer), settings) == source


def test_how_large_a_network_is_can_be_set(settings: ServiceSettings) -> None:
    wider = settings.model_copy(update={"network_ipv4_prefix": 16, "network_ipv6_prefix": 48})
    assert source_of(request("203.0.113.9"), wider).network == "203.0.0.0/16"
    assert source_of(request("2001:db8:1:2ff::"), wider).network == "2001:db8:1::/48"
