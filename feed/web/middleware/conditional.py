"""What a request says about the answer it takes: codings, and what it has already."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlencode

from werkzeug.http import parse_accept_header, parse_date, parse_etags

CODINGS = ("identity", "gzip", "br")


def unchanged(environ: Mapping[str, Any], etag: str, changed: datetime | None) -> bool:
    """Whether the client has these very bytes already (RFC 9110, 13.1.2 and 13.1.3)."""
    wanted = environ.get("HTTP_IF_NONE_MATCH")
    if wanted is not None:
        return wanted == etag or parse_etags(wanted).contains_weak(etag.strip('"'))
    since = environ.get("HTTP_IF_MODIFIED_SINCE")
    if since is None or changed is None:
        return False
    instant = _instant(since)
    return instant is not None and changed <= instant


@lru_cache(maxsize=512)  # most send back what they were told
def _instant(text: str) -> datetime | None:
    return parse_date(text)


@lru_cache(maxsize=512)
def coding(accepted: str) -> str:
    """The best of CODINGS that an Accept-Encoding takes: br before gzip before none."""
    if not accepted:
        return "identity"
    quality = dict(parse_accept_header(accepted.lower()))
    quality.setdefault("gzip", quality.get("x-gzip", quality.get("*", 0)))
    quality.setdefault("br", quality.get("*", 0))
    weight, _, name = max((quality[name], CODINGS.index(name), name) for name in CODINGS[1:])
    # A client that names no weight for none has none against it; a compressed answer is shorter.
    return name if weight and weight >= quality.get("identity", 0) else "identity"


def reduced(query: str, names: Sequence[str]) -> str:
    """Of a query the parameters in `names` that have a value, in the order of `names`."""
    given = parse_qsl(query)
    return urlencode([(name, value) for known in names for name, value in given if name == known])
