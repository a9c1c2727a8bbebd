"""CSV tables of principles: one row per principle and language.

A spreadsheet evaluates a cell that begins like a formula (CSV injection). Such cells are written
with an apostrophe in front, which reading removes.
"""

import csv
import io
import re
from collections.abc import Iterable

from feed.files.entries import COLUMNS, PRINCIPLE_COLUMNS, Entry

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_ESCAPED = re.compile(r"'+[=+\-@\t\r]")


def write(principles: Iterable[Entry]) -> str:
    """Principles as a table separated by commas."""
    out = io.StringIO(newline="")
    rows = csv.DictWriter(out, COLUMNS, lineterminator="\r\n")
    rows.writeheader()
    for entry in principles:
        shared = {name: entry.get(name, "") for name in PRINCIPLE_COLUMNS}
        shared["themes"] = " ".join(entry["themes"])
        for language, text in entry["texts"].items():
            row = {**shared, "language": language, **text}
            rows.writerow({name: _escaped(value) for name, value in row.items()})
    return out.getvalue()


def unescaped(cell: str) -> str:
    """A cell without the apostrophe that stands before a formula."""
    return cell[1:] if _ESCAPED.match(cell) else cell


def _escaped(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) else cell
