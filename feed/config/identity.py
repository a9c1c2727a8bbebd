"""Public site or trial, from the base URL, and the authority of feed ids (tag: URIs, RFC 4151)."""

import secrets
from ipaddress import ip_address
from urllib.parse import urlsplit

TRIAL = "trial-"  # begins the authority of a trial; `.invalid` is a reserved domain (RFC 2606)


def default_base_url(host: str, port: int) -> str:
    """The base URL of a server that listens on `host`, with `localhost` for this machine."""
    shown = f"[{host}]" if ":" in host else host
    return f"http://{'localhost' if is_loopback(host) else shown}:{port}"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine: [*.]localhost, 127.0.0.0/8, ::1, or any (0.0.0.0, ::)."""
    name = host.lower().rstrip(".")
    try:
        address = ip_address(name)
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def is_ip_address(host: str) -> bool:
    """Whether a host is an IP address, not a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def authority(base_url: str) -> str:
    """The authority of ids for a public base URL: its host, as a domain name of RFC 4151.

    A tag URI has no port, so one that is not the scheme's default becomes the first label:
    `https://h.example:8443` gives `port-8443.h.example`. An IPv6 address is written out with
    hyphens.
    """
    parts = urlsplit(base_url)
    host = (parts.hostname or "").rstrip(".")
    if ":" in host:
        host = ip_address(host).exploded.replace(":", "-")
    if parts.port in (None, 443 if parts.scheme == "https" else 80):
        return host
    return f"port-{parts.port}.{host}"


def is_public(base_url: str) -> bool:
    """Whether a base URL is reachable from other machines."""
    return not is_loopback(urlsplit(base_url).hostname or "")


def is_trial(authority: str) -> bool:
    """Whether an authority is a trial's random one, which is replaced when the site goes public."""
    return authority.startswith(TRIAL) and authority.endswith(".invalid")


def settled(stored: str | None, base_url: str) -> str:
    """The authority of a site: the `stored` one, unless it is that of a trial gone public.

    Without one, it is that of a public base URL, or a new random one for a trial.
    """
    if stored is not None and not (is_trial(stored) and is_public(base_url)):
        return stored
    return authority(base_url) if is_public(base_url) else f"{TRIAL}{secrets.token_hex(8)}.invalid"
