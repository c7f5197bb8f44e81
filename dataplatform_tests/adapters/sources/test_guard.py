"""Which addresses a fetch may reach."""

from __future__ import annotations

import pytest

from dataplatform.adapters.sources.guard import address_of, check_address, resolves_inside
from dataplatform.errors import ProducerFailed

NEVER = [
    "169.254.169.254",
    "169.254.0.1",
    "::ffff:169.254.169.254",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "100.100.100.200",
    "168.63.129.16",
    "0.0.0.0",
    "::",
    "224.0.0.1",
]
INSIDE = ["127.0.0.1", "::1", "10.0.0.8", "192.168.1.1", "172.16.0.1", "fd12::1", "::ffff:10.0.0.1"]
OUTSIDE = ["93.184.215.14", "2606:2800:220:1::1"]


@pytest.mark.parametrize("peer", NEVER)
def test_some_addresses_are_never_reached(peer: str) -> None:
    with pytest.raises(ProducerFailed, match="may not lead to"):
        check_address("source.example", peer, inside_allowed=True)


@pytest.mark.parametrize("peer", INSIDE)
def test_inside_addresses_are_reached_only_where_the_request_began_there(peer: str) -> None:
    check_address("nas.local", peer, inside_allowed=True)
    with pytest.raises(ProducerFailed, match="may not lead to"):
        check_address("source.example", peer, inside_allowed=False)


@pytest.mark.parametrize("peer", OUTSIDE)
def test_the_web_is_reached(peer: str) -> None:
    check_address("source.example", peer, inside_allowed=False)


def test_a_request_begins_inside_where_its_host_is() -> None:
    assert resolves_inside("http://127.0.0.1:8000/x")
    assert resolves_inside("http://localhost/x")
    assert not resolves_inside("https://93.184.215.14/x")
    assert not resolves_inside("https://no-such-host.invalid/x")


def test_a_name_is_no_address() -> None:
    assert address_of("source.example") is None
    assert str(address_of("[::1]")) == "::1"
