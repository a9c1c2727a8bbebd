"""An application that does nothing, on the same server: the rest is what Devis itself costs."""

from collections.abc import Callable
from typing import Any

from feed import clock, config, server

BODY = b"x" * 6000
HEADERS = [("Content-Type", "text/plain"), ("Content-Length", str(len(BODY)))]


def nothing(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """The same for everybody."""
    start_response("200 OK", HEADERS)
    return [BODY]


def factory(settings: config.Config, now: clock.Clock) -> Callable[..., list[bytes]]:
    """What a web process runs."""
    return nothing


if __name__ == "__main__":
    server.web(config.load(), clock.Clock(), factory)
