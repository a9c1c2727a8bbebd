"""An application that does nothing, on the same server: the rest is what Devis itself costs.

Given an address, it gives the answer of that address, its headers and its bytes, whatever is asked.
"""

import sys
from collections.abc import Callable
from typing import Any

from feed import clock, config
from feed.server import processes
from tests.conftest import fetch

BODY = b"x" * 6000
HEADERS = [("Content-Type", "text/plain"), ("Content-Length", str(len(BODY)))]
SERVERS_OWN = {"date", "connection"}


def factory(settings: config.Config, now: clock.Clock) -> Callable[..., list[bytes]]:
    """What a web process runs."""
    body, headers = BODY, HEADERS
    if sys.argv[1:]:
        copied = fetch(sys.argv[1], Accept_Encoding="gzip")
        body = copied.body
        headers = [each for each in copied.headers.items() if each[0] not in SERVERS_OWN]

    def nothing(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", headers)
        return [body]

    return nothing


if __name__ == "__main__":
    processes.serve_web(config.load(), clock.Clock(), factory)
