"""TOML and JSON documents, and the text in the bytes of a file."""

import codecs
import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import tomli_w

from feed.files import csv_table
from feed.files.entries import Exchange

FORMATS = ("json", "toml", "csv")
LISTS = ("themes", "sources", "principles")
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SNIFFED = 8  # bytes that tell UTF-16 from other text: the name of a column has four letters
_MAX_KEY_PARTS = 50  # with a dot between; those of an entry have three at most
_DOT = re.compile(r"(?<![ \t])[ \t]*+\.[ \t]*+")
_RUN = re.compile(r"[^\s=,{}\[\]]+")
_TEXT_HEADING = re.compile(r"^[ \t]*\[[ \t]*\w+[ \t]*\.[ \t]*\"?texts\"?[ \t]*\.", re.MULTILINE)


def decode(content: bytes, *, is_table: bool = False) -> str:
    """The text of a file: UTF-8, or UTF-16 with a byte order mark; a table may be Windows-1252.

    Raises UnicodeDecodeError where it is none of these.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return content.decode(encoding)
    if is_table and (unmarked := _utf_16(content[:_SNIFFED])):
        return content.decode(unmarked)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        if not is_table or b"\0" in content:
            raise
    return content.decode("windows-1252")


def _utf_16(start: bytes) -> str:
    """Detect UTF-16 without a byte order mark: column names have a zero in every other byte."""
    high, low = start[0::2], start[1::2]
    if low and not any(low) and all(high):
        return "utf-16-le"
    if low and not any(high[: len(low)]) and all(low):
        return "utf-16-be"
    return ""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose names are unique; otherwise one would hide another."""
    found = dict(pairs)
    if len(found) < len(pairs):
        name, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"an object names “{name}” twice")
    return found


def _toml(text: str) -> Any:
    """A TOML document. A key with many parts would take tomllib hours, and is refused."""
    joined = _DOT.sub(".", text)
    if any(run.count(".") > _MAX_KEY_PARTS for run in _RUN.findall(joined)):
        raise ValueError(f"a name has more than {_MAX_KEY_PARTS} parts")
    return tomllib.loads(text)


# By the ending of a file's name. Each raises ValueError or RecursionError.
PARSERS: dict[str, Callable[[str], Any]] = {
    "toml": _toml,
    "json": partial(json.loads, object_pairs_hook=_unique),
}


def write(exchange: Exchange, form: str) -> str:
    """An exchange as the text of a file. CSV holds the principles only, one row per language."""
    if form == "csv":
        return csv_table.write(exchange.principles.values())
    document = {
        kind: list(getattr(exchange, kind).values()) for kind in LISTS if getattr(exchange, kind)
    }
    if form == "toml":
        return tomli_w.dumps(document)
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def count_texts(ending: str, text: str, limit: int) -> int:
    """The number of texts in a TOML or JSON document, at least one for each entry.

    A TOML document with more headings of texts than `limit` is counted by these, since parsing
    one takes long. Raises ValueError or RecursionError where it cannot be parsed.
    """
    if ending == "toml" and (found := len(_TEXT_HEADING.findall(text))) > limit:
        return found
    document = PARSERS[ending](text)
    lists = [document.get(kind) for kind in LISTS] if isinstance(document, dict) else []
    return sum(
        _texts_in(entry) for entries in lists if isinstance(entries, list) for entry in entries
    )


def _texts_in(entry: Any) -> int:
    texts = entry.get("texts") if isinstance(entry, dict) else None
    return max(1, len(texts)) if isinstance(texts, dict) else 1
