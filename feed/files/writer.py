"""Writing exchange files."""

import json

import tomli_w

from feed.files import csv_table
from feed.files.entry import Exchange
from feed.files.fields import KINDS_OF_ENTRY

FORMATS = ("json", "toml", "csv")


def write(exchange: Exchange, form: str) -> str:
    """An exchange as the text of a file. CSV holds the principles only, one row per language."""
    if form == "csv":
        return csv_table.write(exchange.principles.values())
    document = {
        kind: list(getattr(exchange, kind).values())
        for kind in KINDS_OF_ENTRY
        if getattr(exchange, kind)
    }
    if form == "toml":
        return tomli_w.dumps(document)
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"
