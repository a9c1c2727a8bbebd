"""Paths as they may be told: what a token in one opens is somebody's own."""

import re

SUBSCRIPTION = "/subscription/"
DESK = "/desk/"
_TOKEN = re.compile(rf"({SUBSCRIPTION}|{DESK}link/)[^/]+")


def redacted(path: str) -> str:
    """A path for logs and records: `/subscription/{token}/confirm`."""
    return _TOKEN.sub(r"\1{token}", path)
