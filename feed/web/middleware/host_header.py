"""The check of the Host header for what is not public."""

from urllib.parse import urlsplit

from flask import request

from feed.config import identity
from feed.web.context import here
from feed.web.middleware import client_ip


def is_known_host() -> bool:
    """Whether the Host header names this site or this machine, or is an IP address.

    Any other name may be one that a stranger has pointed at this machine (DNS rebinding).
    """
    try:
        host = (urlsplit(f"//{request.headers.get('Host', '')}").hostname or "").rstrip(".")
    except ValueError:
        return False
    own = urlsplit(here().config.base_url).hostname
    return host == own or identity.is_loopback(host) or client_ip.address(host) is not None
