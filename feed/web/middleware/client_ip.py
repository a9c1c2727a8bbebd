"""Who asks: the network address behind the proxies that the operator trusts."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from flask import request

from feed.web.context import here

NETWORK_BITS = 64  # of an IPv6 address: what one household or host has

Address = IPv4Address | IPv6Address


def by_proxy() -> bool:
    """Whether it is a trusted proxy that asks, for somebody."""
    asking = _address(request.remote_addr or "")
    return asking is not None and _is_trusted(asking)


def is_here() -> bool:
    """Whether somebody on this machine asks, and nobody through them."""
    asking = _address(request.remote_addr or "")
    passed_on = {"X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"} & set(request.headers.keys())
    return asking is not None and asking.is_loopback and not passed_on


def network() -> str:
    """The address that asks, as it is counted: of an IPv6 address only its network.

    A proxy is believed only if it is one of DEVIS_TRUSTED_PROXIES, and so is what it says of the
    one before it; anybody else may write into X-Forwarded-For what they like.
    """
    asking = _address(request.remote_addr or "")
    for told in reversed(request.headers.get("X-Forwarded-For", "").split(",")):
        before = _address(told.strip())
        if asking is None or before is None or not _is_trusted(asking):
            break
        asking = before
    if isinstance(asking, IPv6Address):
        return str(ip_network((asking, NETWORK_BITS), strict=False))
    return str(asking or "nowhere")


def _is_trusted(address: Address) -> bool:
    return any(address in trusted for trusted in here().config.trusted_proxies)


def _address(text: str) -> Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
