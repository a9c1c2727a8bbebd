"""The check of the Host header: for every request, and for what is not public."""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, request

from feed.config import identity
from feed.web.context import here
from feed.web.middleware import client_ip


def init(app: Flask) -> None:
    """Drop an invalid Host header, with which Flask could not even render an error page.

    Without the header, Flask uses the name that the server listens on.
    """
    inner = app.wsgi_app

    def checked(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not _is_encodable(environ.get("HTTP_HOST", "")):
            environ["HTTP_HOST"] = ""
        return inner(environ, start_response)

    app.wsgi_app = checked  # type: ignore[method-assign]


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


def _is_encodable(host: str) -> bool:
    """Whether IDNA can encode a host: no label is empty or too long."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True
