"""Tables: one row per principle and language, as the document that they stand for.

A spreadsheet runs what begins like a formula. Such cells are written with an apostrophe in front,
which reading takes away again.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from feed.errors import gettext_noop
from feed.files.entries import COLUMNS, LANGUAGE, PRINCIPLE_COLUMNS, Entry, ExpectedError
from feed.model import TEXT_FIELDS

ENDINGS = ("csv", "tsv", "txt")
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_DISARMED = re.compile(r"'+[=+\-@\t\r]")
_SEPARATOR = re.compile(r"sep=(.)\r?\n")  # a first line by which a spreadsheet knows it again


@dataclass
class Table:
    """What a table holds: entries by slug, the rows that each came from, and what is wrong.

    Rows are numbered as a spreadsheet does: the names of the columns are row 1. A problem is its
    row, the column it is about (or nothing), and what was expected.
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    rows: dict[str, list[int]] = field(default_factory=dict)
    problems: list[tuple[int, str, ExpectedError]] = field(default_factory=list)


def read(text: str) -> Table:
    """Read a table, separated by commas, semicolons or tabs.

    Raises ExpectedError where its first row is not what it should be, and csv.Error.
    """
    columns, rows = _opened(text)
    table = Table()
    for number, cells in rows:
        try:
            _take(table, number, _row(columns, cells))
        except _RowError as wrong:
            table.problems.append((number, wrong.column, wrong))
    return table


def count(text: str) -> int:
    """How many rows a table has, without the names of its columns; raises as `read` does."""
    return sum(1 for _ in _opened(text)[1])


def write(principles: Iterable[Entry]) -> str:
    """Principles as a table with commas."""
    out = io.StringIO(newline="")
    rows = csv.DictWriter(out, COLUMNS, lineterminator="\r\n")
    rows.writeheader()
    for entry in principles:
        shared = {name: entry.get(name, "") for name in PRINCIPLE_COLUMNS}
        shared["themes"] = " ".join(entry["themes"])
        for language, text in entry["texts"].items():
            row = {**shared, "language": language, **text}
            rows.writerow({name: _disarmed(value) for name, value in row.items()})
    return out.getvalue()


class _RowError(ExpectedError):
    """Something is wrong with a column of a row, or with the whole of it."""

    def __init__(self, about: str, message: str, **values: object) -> None:
        self.column = about
        super().__init__(message, **values)


def _opened(text: str) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """The names of the columns of a table, and its rows with their numbers."""
    told = _SEPARATOR.match(text)
    text = text[told.end() :] if told else text
    header = text.partition("\n")[0]
    delimiter = told[1] if told else max(",;\t", key=header.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns = _columns(next(rows, []))
    # Spreadsheets leave empty rows at the end.
    filled = (row for row in enumerate(rows, 2) if any(cell.strip() for cell in row[1]))
    return columns, filled


def _columns(cells: list[str]) -> list[str]:
    names = [cell.strip().casefold() for cell in cells]
    while names and not names[-1]:
        names.pop()
    if not {"slug", "language"} <= set(names) or not set(names) <= set(COLUMNS):
        message = gettext_noop("the first row names the columns: %(columns)s")
        raise ExpectedError(message, columns=", ".join(COLUMNS))
    for name in names:
        if names.count(name) > 1:
            raise ExpectedError(
                gettext_noop("the first row names the column %(column)s twice"), column=name
            )
    return names


def _row(columns: list[str], cells: list[str]) -> dict[str, str]:
    length = len(columns)
    if len(cells) < length or any(cells[length:]):
        raise _RowError("", gettext_noop("has not as many cells as the first row"))
    row = {name: _armed(cell) for name, cell in zip(columns, cells, strict=False)}
    for name in ("slug", "language"):
        row[name] = row[name].strip()
    return row


def _take(table: Table, number: int, row: dict[str, str]) -> None:
    slug, language = row["slug"], row["language"]
    if not slug:
        raise _RowError("slug", gettext_noop("expected a name, but there is none"))
    if not LANGUAGE.fullmatch(language):
        raise _RowError("language", gettext_noop("expected a language code such as sv"))
    table.rows.setdefault(slug, []).append(number)
    entry = table.entries.setdefault(slug, {"texts": {}})
    for name, value in _shared(row).items():
        if entry.setdefault(name, value) != value:
            raise _RowError(
                name,
                gettext_noop("gives “%(slug)s” another %(column)s than before"),
                slug=slug,
                column=name,
            )
    if language in entry["texts"]:
        message = gettext_noop("repeats “%(slug)s” in %(language)s")
        raise _RowError("language", message, slug=slug, language=language)
    entry["texts"][language] = {
        name: row[name]
        for name in (*TEXT_FIELDS, "state")
        if name in row and (row[name] or name in TEXT_FIELDS)
    }


def _shared(row: dict[str, str]) -> dict[str, Any]:
    given: dict[str, Any] = {name: row[name] for name in PRINCIPLE_COLUMNS if row.get(name)}
    if "themes" in given:
        given["themes"] = [theme for theme in re.split(r"[\s,|]+", given["themes"]) if theme]
    return given


def _disarmed(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _armed(cell: str) -> str:
    return cell[1:] if _DISARMED.match(cell) else cell
