"""Writing exchange files."""

import csv
import io
import json
from collections.abc import Iterable

import tomli_w

from feed.exchange.entry import COLUMNS, PRINCIPLE_COLUMNS, Entry, Exchange
from feed.exchange.fields import KINDS_OF_ENTRY

FORMATS = ("json", "toml", "csv")


def write(exchange: Exchange, form: str) -> str:
    """An exchange as the text of a file. CSV holds the principles only, one row per language."""
    if form == "csv":
        return _csv(exchange.principles.values())
    document = {
        kind: list(getattr(exchange, kind).values())
        for kind in KINDS_OF_ENTRY
        if getattr(exchange, kind)
    }
    if form == "toml":
        return tomli_w.dumps(document)
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _csv(principles: Iterable[Entry]) -> str:
    out = io.StringIO(newline="")
    rows = csv.DictWriter(out, COLUMNS, lineterminator="\r\n")
    rows.writeheader()
    for entry in principles:
        shared = {name: entry.get(name, "") for name in PRINCIPLE_COLUMNS}
        shared["themes"] = " ".join(entry["themes"])
        for language, text in entry["texts"].items():
            rows.writerow({**shared, "language": language, **text})
    return out.getvalue()
