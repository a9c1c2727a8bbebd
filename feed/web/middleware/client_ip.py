"""The address of the client, behind trusted proxies."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from flask import request

from feed.config.parsing import Network
from feed.web.context import here

LOG_BITS = (24, 48)  # of an IPv4 and of an IPv6 address
NETWORK_BITS = 64  # prefix of an IPv6 address that one household or host gets

FORWARDING_HEADERS = {"X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"}

Address = IPv4Address | IPv6Address


def is_from_proxy() -> bool:
    """Whether the peer is a trusted proxy."""
    client = address(request.remote_addr or "")
    return client is not None and _is_trusted(client, here().config.trusted_proxies)


def is_local() -> bool:
    """Whether the request comes from this machine, without any proxy."""
    client = address(request.remote_addr or "")
    forwarded = FORWARDING_HEADERS & set(request.headers.keys())
    return client is not None and client.is_loopback and not forwarded


def network() -> str:
    """The client's address as rate limits count it: an IPv6 address by its /64 network.

    "nowhere" if there is no valid address.
    """
    return _network(_client(), (32, NETWORK_BITS))


def prefix() -> str:
    """The network of the client as the log names it: too wide to be one household."""
    return _network(_client(), LOG_BITS)


def _network(client: Address | None, bits: tuple[int, int]) -> str:
    if client is None:
        return "nowhere"
    wide = bits[isinstance(client, IPv6Address)]
    return str(client if wide == client.max_prefixlen else ip_network((client, wide), strict=False))


def network_of(peer: str, forwarded: str, proxies: Sequence[Network]) -> str:
    """The same for a connection from `peer` with the header X-Forwarded-For `forwarded`."""
    return _network(_origin(peer, forwarded, proxies), (32, NETWORK_BITS))


def _client() -> Address | None:
    forwarded = request.headers.get("X-Forwarded-For", "")
    return _origin(request.remote_addr or "", forwarded, here().config.trusted_proxies)


def _origin(peer: str, forwarded: str, proxies: Sequence[Network]) -> Address | None:
    """The address that a request comes from.

    X-Forwarded-For is read from the right, while each address is a trusted proxy: other clients
    can write anything into it.
    """
    client = address(peer)
    for entry in reversed(forwarded.split(",")):
        previous = address(entry.strip())
        if client is None or previous is None or not _is_trusted(client, proxies):
            break
        client = previous
    return client


def _is_trusted(address: Address, proxies: Sequence[Network]) -> bool:
    return any(address in trusted for trusted in proxies)


def address(text: str) -> Address | None:
    """Parse an IP address; None for anything else. An IPv4-mapped one becomes an IPv4 address."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
