"""Grids of cells from spreadsheets: CSV as any program saves it, and worksheets of workbooks.

What a file does not say is guessed: the encoding, the separator, the sheet, and the row with the
headings. Each guess is in the result, and can be set instead.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from feed.errors import gettext_noop
from feed.files import decoding, workbooks
from feed.files.entries import ExpectedError

TEXT_ENDINGS = ("csv", "tsv", "txt")
ENDINGS = (*TEXT_ENDINGS, *workbooks.ENDINGS)
SEPARATORS = (",", ";", "\t", "|")
MAX_CELLS = 2_000_000  # of a text; a row counts as one at least
MAX_COLUMNS = 500  # with headings: each row is read with a cell for each of them
SEARCHED = 20  # rows in which headings are looked for: titles and notes may stand above them
_SEPARATOR = re.compile(
    r"sep=(.)\r?[\n\r]"
)  # a first line that names the separator to spreadsheets

Row = tuple[int, list[str]]
Recognise = Callable[[list[str]], int]  # how many headings a row has


@dataclass(frozen=True, slots=True)
class GridChoices:
    """How to read a spreadsheet; what is empty is guessed. `heading_row` counts from 1."""

    encoding: str = ""
    separator: str = ""
    sheet: str = ""
    heading_row: int = 0


@dataclass(frozen=True, slots=True)
class Grid:
    """The headings of a spreadsheet, and the rows below that are not empty, with their numbers.

    Rows are numbered as a spreadsheet shows them, from 1. A text file has an encoding and a
    separator, a workbook a sheet, and the names of all `sheets`.
    """

    headings: list[str]
    rows: list[Row]
    heading_row: int
    encoding: str = ""
    separator: str = ""
    sheet: str = ""
    sheets: list[str] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """How it was read, for the operator."""
        separator = "tab" if self.separator == "\t" else f"“{self.separator}”"
        text = f"{self.encoding}, separator {separator}"
        where = f"sheet “{self.sheet}”" if self.sheet else text
        return f"{where}, headings in row {self.heading_row}"


def read(content: bytes, recognise: Recognise, choices: GridChoices | None = None) -> Grid:
    """Read a spreadsheet. Raises ExpectedError."""
    choices = choices or GridChoices()
    if workbooks.is_workbook(content):
        return _from_workbook(content, recognise, choices)
    return _from_text(content, recognise, choices)


def _from_workbook(content: bytes, recognise: Recognise, choices: GridChoices) -> Grid:
    sheets = workbooks.read(content)
    named = next((sheet for sheet in sheets if sheet.name == choices.sheet), None)

    def fitness(sheet: workbooks.Sheet) -> tuple[bool, int, bool]:
        return not sheet.hidden, _most(sheet.rows, recognise), bool(sheet.rows)

    chosen = named or max(sheets, key=fitness)
    names = [sheet.name for sheet in sheets]
    headings, rows, number = _split(chosen.rows, recognise, choices.heading_row)
    return Grid(headings, rows, number, sheet=chosen.name, sheets=names)


def _from_text(content: bytes, recognise: Recognise, choices: GridChoices) -> Grid:
    encoding = choices.encoding or decoding.detect(content)
    try:
        text = decoding.decode(content, encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        message = gettext_noop(
            "line %(line)s can’t be read as %(encoding)s text. Choose another encoding, or save"
            " the file as UTF-8"
        )
        raise ExpectedError(message, line=line, encoding=encoding.upper()) from None
    named = _SEPARATOR.match(text)
    text = text[named.end() :] if named else text
    separator = choices.separator or (named[1] if named else _guess_separator(text, recognise))
    cells = _cells(text, separator)
    if named:
        cells.insert(0, [])  # spreadsheets count it as a row
    headings, rows, number = _split(cells, recognise, choices.heading_row)
    return Grid(headings, rows, number, encoding.removesuffix("-sig"), separator)


def _cells(text: str, separator: str) -> list[list[str]]:
    try:
        return _limited(_parse(text, separator, strict=True))
    except csv.Error as error:
        if separator == "\t":  # Google writes quotation marks as they are
            lines = re.split(r"\r\n|\r|\n", text)
            return _limited(line.split(separator) for line in lines)
        message = gettext_noop("couldn’t be read as %(format)s: %(detail)s")
        raise ExpectedError(message, format="CSV", detail=error) from None


def _limited(rows: Iterable[list[str]]) -> list[list[str]]:
    """The rows. Raises ExpectedError at MAX_CELLS: a blank line takes the memory of a hundred."""
    found, cells = [], 0
    for row in rows:
        cells += len(row) or 1
        if cells > MAX_CELLS:
            message = gettext_noop("The table has more than %(most)s cells. Split it into several.")
            raise ExpectedError(message, most=MAX_CELLS)
        found.append(row)
    return found


def _parse(text: str, separator: str, *, strict: bool) -> Iterator[list[str]]:
    yield from csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=strict)


def _guess_separator(text: str, recognise: Recognise) -> str:
    """The separator that gives the most headings, else the most cells in most rows."""

    def fitness(separator: str) -> tuple[int, int]:
        try:
            rows = list(islice(_parse(text, separator, strict=False), SEARCHED))
        except csv.Error:
            return 0, 0
        widths = sorted(len(row) for row in rows if any(row))
        return _most(rows, recognise), widths[len(widths) // 2] if widths else 0

    return max(SEPARATORS, key=fitness)


def _most(rows: list[list[str]], recognise: Recognise) -> int:
    """The most headings that one of the first rows has."""
    return max(map(recognise, rows[:SEARCHED]), default=0)


def _split(
    cells: list[list[str]], recognise: Recognise, chosen: int
) -> tuple[list[str], list[Row], int]:
    """The headings, the rows below them that are not empty, and the number of the headings' row."""
    filled = [row for row in enumerate(cells, 1) if any(cell.strip() for cell in row[1])]
    number, headings = max(
        (row for row in filled if row[0] <= SEARCHED),
        key=lambda row: recognise(row[1]),
        default=(1, []),
    )
    if chosen:
        number, headings = chosen, cells[chosen - 1] if chosen <= len(cells) else []
    headings = [heading.strip() for heading in headings]
    while headings and not headings[-1]:
        headings.pop()
    if len(headings) > MAX_COLUMNS:
        message = gettext_noop("The table has %(count)s columns; at most %(most)s can be read.")
        raise ExpectedError(message, count=len(headings), most=MAX_COLUMNS)
    return headings, [row for row in filled if row[0] > number], number
