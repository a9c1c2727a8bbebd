"""From the text of a TOML or JSON file to the document in it."""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

_MOST_PARTS = 50  # with a dot between; our own names have three at most
_DOT = re.compile(r"(?<![ \t])[ \t]*+\.[ \t]*+")
_RUN = re.compile(r"[^\s=,{}\[\]]+")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, unless one of its names would hide another."""
    found = dict(pairs)
    if len(found) < len(pairs):
        name, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"an object names “{name}” twice")
    return found


def _toml(text: str) -> Any:
    """A TOML document, unless a name has so many parts that reading it would take hours."""
    joined = _DOT.sub(".", text)
    if any(run.count(".") > _MOST_PARTS for run in _RUN.findall(joined)):
        raise ValueError(f"a name has more than {_MOST_PARTS} parts")
    return tomllib.loads(text)


# By the ending of a file's name. Each raises ValueError or RecursionError.
PARSERS: dict[str, Callable[[str], Any]] = {
    "toml": _toml,
    "json": partial(json.loads, object_pairs_hook=_without_repeats),
}
