"""The client's address comes only from proxies that the settings name."""

from ipaddress import ip_network

import pytest
from fastapi import Request

from auth_service.api.networks import client_of_request

PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


def request(peer: str, *forwarded: str, user_agent: str = "") -> Request:
    headers = [(b"x-forwarded-for", each.encode()) for each in forwarded]
    headers.append((b"user-agent", user_agent.encode("latin-1")))
    return Request({"type": "http", "client": (peer, 1), "headers": headers})


@pytest.mark.parametrize(
    ("peer", "forwarded", "network"),
    [
        ("203.0.113.9", (), "203.0.113.0/24"),
        ("203.0.113.9", ("198.51.100.1",), "203.0.113.0/24"),
        ("10.0.0.1", ("198.51.100.1",), "198.51.100.0/24"),
        ("10.0.0.1", ("1.2.3.4, 198.51.100.1",), "198.51.100.0/24"),
        ("10.0.0.1", ("1.2.3.4", "198.51.100.1, 10.9.9.9"), "198.51.100.0/24"),
        ("10.0.0.1", ("10.2.0.1",), "10.2.0.0/24"),
        ("10.0.0.1", (), "10.0.0.0/24"),
        ("10.0.0.1", ("nonsense",), "10.0.0.0/24"),
        ("10.0.0.1", ("1.2.3.4, nonsense",), "10.0.0.0/24"),
        ("::ffff:203.0.113.9", (), "203.0.113.0/24"),
        ("fd00::1", ("2001:db8:1:2::3",), "2001:db8:1::/48"),
        ("fd00::1", ("fe80::1%eth0",), "fe80::/48"),
        ("testclient", (), None),
    ],
)
@pytest.mark.requirement("ASVS 4.1.3", "RFC 9700 4.13")
def test_an_address_is_believed_of_named_proxies_alone(
    peer: str, forwarded: tuple[str, ...], network: str | None
) -> None:
    assert client_of_request(request(peer, *forwarded), PROXIES).network == network


def test_a_user_agent_is_kept_in_part_and_without_what_cannot_be_printed() -> None:
    told = client_of_request(request("::1", user_agent="a\x1b\x00\r\nb" + "c" * 1000), PROXIES)
    assert told.user_agent == "ab" + "c" * 250
