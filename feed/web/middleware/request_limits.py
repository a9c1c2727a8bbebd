"""Limits of the address and the headers of a request, checked before anything parses them."""

from collections.abc import Mapping
from typing import Any

MAX_URL_LENGTH = 8000  # characters of path and query
MAX_HEADER_LENGTH = 16 * 1024  # characters of all headers together


def excess(environ: Mapping[str, Any]) -> int:
    """The status for a request whose address (414) or headers (431) are too long; else 0."""
    if len(environ["PATH_INFO"]) + len(environ.get("QUERY_STRING", "")) > MAX_URL_LENGTH:
        return 414
    headers = (name for name in environ if name.startswith("HTTP_"))
    return 431 if sum(len(name) + len(environ[name]) for name in headers) > MAX_HEADER_LENGTH else 0
