"""CSV tables: one row per principle and language, read into entries and written from them.

A spreadsheet evaluates a cell that begins like a formula (CSV injection). Such cells are written
with an apostrophe in front, which reading removes.
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
_ESCAPED = re.compile(r"'+[=+\-@\t\r]")
_SEPARATOR = re.compile(r"sep=(.)\r?\n")  # a first line that names the separator to spreadsheets


@dataclass
class Table:
    """The entries of a table by slug, the rows that each came from, and the problems.

    Rows are numbered as in a spreadsheet: the header is row 1. A problem is its row, its column
    (empty if it is about the whole row), and what was expected.
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    rows: dict[str, list[int]] = field(default_factory=dict)
    problems: list[tuple[int, str, ExpectedError]] = field(default_factory=list)


def read(text: str) -> Table:
    """Read a table separated by commas, semicolons or tabs.

    Raises ExpectedError where the header is malformed, and csv.Error.
    """
    columns, rows = _header_and_rows(text)
    table = Table()
    for number, cells in rows:
        try:
            _add_row(table, number, _row(columns, cells))
        except _RowError as error:
            table.problems.append((number, error.column, error))
    return table


def count(text: str) -> int:
    """The number of rows without the header; raises as `read` does."""
    return sum(1 for _ in _header_and_rows(text)[1])


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


class _RowError(ExpectedError):
    """A column of a row is wrong, or the whole row."""

    def __init__(self, about: str, message: str, **values: object) -> None:
        self.column = about
        super().__init__(message, **values)


def read_cells(text: str) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """The header of any table, and its rows that are not empty, with their numbers.

    Raises csv.Error.
    """
    separator = _SEPARATOR.match(text)
    text = text[separator.end() :] if separator else text
    header = text.partition("\n")[0]
    delimiter = separator[1] if separator else max(",;\t", key=header.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names = [cell.strip().casefold() for cell in next(rows, [])]
    while names and not names[-1]:
        names.pop()
    # Spreadsheets leave empty rows at the end.
    return names, (row for row in enumerate(rows, 2) if any(cell.strip() for cell in row[1]))


def unescaped(cell: str) -> str:
    """A cell without the apostrophe that stands before a formula."""
    return cell[1:] if _ESCAPED.match(cell) else cell


def _header_and_rows(text: str) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """The columns of a table of principles, and its rows with their numbers."""
    names, rows = read_cells(text)
    _check_columns(names)
    return names, rows


def _check_columns(names: list[str]) -> None:
    if not {"slug", "language"} <= set(names) or not set(names) <= set(COLUMNS):
        message = gettext_noop("the first row names the columns: %(columns)s")
        raise ExpectedError(message, columns=", ".join(COLUMNS))
    for name in names:
        if names.count(name) > 1:
            raise ExpectedError(
                gettext_noop("the first row names the column %(column)s twice"), column=name
            )


def _row(columns: list[str], cells: list[str]) -> dict[str, str]:
    length = len(columns)
    if len(cells) < length or any(cells[length:]):
        raise _RowError("", gettext_noop("has not as many cells as the first row"))
    row = {name: unescaped(cell) for name, cell in zip(columns, cells, strict=False)}
    for name in ("slug", "language"):
        row[name] = row[name].strip()
    return row


def _add_row(table: Table, number: int, row: dict[str, str]) -> None:
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


def _escaped(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) else cell
