"""Tables of subscribers: one row per person, with the consent that they have given."""

from dataclasses import dataclass

from feed.errors import gettext_noop
from feed.files import csv_table, grids
from feed.files.entries import ExpectedError
from feed.files.grids import Grid

COLUMNS = (
    *("address", "language", "cadence", "days", "hour", "timezone"),
    *("consented_at", "how", "wording"),
)
NEEDED = ("address", "consented_at", "how", "wording")
_ALIASES = {"email": "address", "e_mail": "address", "email_address": "address"}


@dataclass(frozen=True, slots=True)
class SubscriberTable:
    """The rows of a table with their numbers (the header is row 1), column to text.

    A missing cell is empty; columns of other names are `ignored`. `grid` says how it was read.
    """

    grid: Grid
    rows: list[tuple[int, dict[str, str]]]
    ignored: tuple[str, ...]


def read(content: bytes) -> SubscriberTable:
    """Read a spreadsheet; headings may have any case and order. Raises ExpectedError."""
    grid = grids.read(content, _recognise)
    names = [_column(heading) for heading in grid.headings]
    _check(names)
    return SubscriberTable(
        grid,
        [(number, _row(names, cells)) for number, cells in grid.rows],
        tuple(heading for heading in grid.headings if heading and _column(heading) not in COLUMNS),
    )


def _recognise(headings: list[str]) -> int:
    return sum(_column(heading) in COLUMNS for heading in headings)


def _column(heading: str) -> str:
    name = heading.strip().casefold().replace(" ", "_").replace("-", "_")
    return _ALIASES.get(name, name)


def _check(names: list[str]) -> None:
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise ExpectedError(
            gettext_noop("The first row must name the columns. Missing: %(columns)s."),
            columns=", ".join(missing),
        )
    for name in COLUMNS:
        if names.count(name) > 1:
            raise ExpectedError(
                gettext_noop("the first row names the column %(column)s twice"), column=name
            )


def _row(names: list[str], cells: list[str]) -> dict[str, str]:
    row = dict.fromkeys(COLUMNS, "")
    found = zip(names, cells, strict=False)
    return row | {name: csv_table.unescaped(cell).strip() for name, cell in found if name in row}
