"""Conditional requests, content codings, and the normalised query of a cache key."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlencode

from werkzeug.http import parse_accept_header, parse_date, parse_etags

MAX_DATE_LENGTH = 64  # characters; the longest of the three formats has 33
CODINGS = ("identity", "gzip", "br")


def unchanged(environ: Mapping[str, Any], etag: str, changed: datetime | None) -> bool:
    """Whether to answer 304 Not Modified (RFC 9110, 13.1.2 and 13.1.3)."""
    wanted = environ.get("HTTP_IF_NONE_MATCH")
    if wanted is not None:
        return wanted == etag or parse_etags(wanted).contains_weak(etag.strip('"'))
    since = environ.get("HTTP_IF_MODIFIED_SINCE")
    if since is None or len(since) > MAX_DATE_LENGTH or changed is None:
        return False
    instant = _instant(since)
    return instant is not None and changed <= instant


@lru_cache(maxsize=512)  # most clients send back the same few dates
def _instant(text: str) -> datetime | None:
    return parse_date(text)


@lru_cache(maxsize=512)
def coding(accepted: str) -> str:
    """The best coding that an Accept-Encoding header accepts: br, then gzip, then identity."""
    if not accepted:
        return "identity"
    quality = dict(parse_accept_header(accepted.lower()))
    quality.setdefault("gzip", quality.get("x-gzip", quality.get("*", 0)))
    quality.setdefault("br", quality.get("*", 0))
    weight, _, name = max((quality[name], CODINGS.index(name), name) for name in CODINGS[1:])
    # Without a weight for identity the client is indifferent; compressed is shorter.
    return name if weight and weight >= quality.get("identity", 0) else "identity"


def normalised_query(query: str, names: Sequence[str]) -> str:
    """The parameters of a query that are in `names`, in the order of `names`."""
    given = parse_qsl(query, keep_blank_values=True)
    return urlencode([(name, value) for known in names for name, value in given if name == known])
