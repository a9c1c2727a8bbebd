"""Redact secret tokens from paths before logging them; prefixes of the private paths."""

import re

SUBSCRIPTION = "/subscription/"
DESK = "/desk/"
_TOKEN = re.compile(rf"({SUBSCRIPTION}|{DESK}link/)[^/]+")


def redacted(path: str) -> str:
    """A path with its token replaced, for logs and records: `/subscription/{token}/confirm`."""
    return _TOKEN.sub(r"\1{token}", path)
