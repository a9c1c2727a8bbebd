"""Tables of principles: one row per principle and language, read into entries.

Sources and themes may be named by their titles, and a row without a slug gets one from its title.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from feed.errors import gettext_noop
from feed.files import csv_table, grids, headings
from feed.files.entries import COLUMNS, LANGUAGE, PRINCIPLE_COLUMNS, Entry, ExpectedError
from feed.files.grids import Grid, GridChoices
from feed.model import TEXT_FIELDS
from feed.model.slugs import numbered, slugify

SAMPLES = 3
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_NO_COLUMNS = gettext_noop(
    "No row has the headings of a table of principles. Write them in the first row: %(columns)s."
)
_NO_TITLE = gettext_noop("No column has titles. Give the one with titles the heading “title”.")


@dataclass(frozen=True, slots=True)
class TableChoices:
    """How to read a table of principles; what is empty is guessed.

    `columns` has the column of each position, empty for one that is not read. `cells` are cells
    that replace those of the file, by row and column; the rows in `left_out` are not read.
    """

    grid: GridChoices = field(default_factory=GridChoices)
    language: str = ""
    columns: tuple[str, ...] = ()
    cells: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    left_out: frozenset[int] = frozenset()

    def to_json(self) -> str:
        """The choices as JSON."""
        return json.dumps({**asdict(self), "left_out": sorted(self.left_out)})

    @classmethod
    def from_json(cls, text: str) -> "TableChoices":
        """Choices from `to_json`; none from an empty text."""
        if not text:
            return cls()
        given = json.loads(text)
        cells = {int(row): values for row, values in given["cells"].items()}
        grid, columns = GridChoices(**given["grid"]), tuple(given["columns"])
        return cls(grid, given["language"], columns, cells, frozenset(given["left_out"]))


@dataclass(frozen=True, slots=True)
class Names:
    """What the library has, for cells that name it: slugs by `headings.key` of the names.

    `titles` has the slugs of principles by language and title; `taken` are the slugs that no new
    principle may get.
    """

    sources: Mapping[str, str] = field(default_factory=dict)
    themes: Mapping[str, str] = field(default_factory=dict)
    titles: Mapping[tuple[str, str], str] = field(default_factory=dict)
    taken: Collection[str] = ()


@dataclass
class Table:
    """A table as it was read: its grid, the column of each heading, and what is in it.

    `language` is that of the rows where no column says it. `cells` has every row, with the choices
    applied. `entries` are by slug, `rows` the row of each of their languages. A problem is its row
    (0 for the whole table), its column, and what was expected.
    """

    grid: Grid
    columns: list[str]
    language: str
    cells: dict[int, dict[str, str]] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    rows: dict[str, dict[str, int]] = field(default_factory=dict)
    problems: list[tuple[int, str, ExpectedError]] = field(default_factory=list)

    @property
    def samples(self) -> list[grids.Row]:
        """The first rows, with a cell for each heading."""
        width = len(self.grid.headings)
        return [(n, [*row, *[""] * width][:width]) for n, row in self.grid.rows[:SAMPLES]]

    @property
    def ignored(self) -> list[str]:
        """The headings of columns that are not read."""
        pairs = zip(self.grid.headings, self.columns, strict=True)
        return [heading for heading, column in pairs if heading and not column]

    def heading(self, column: str) -> str:
        """The heading of a column in the file; the column's own name if it has none."""
        pairs = zip(self.columns, self.grid.headings, strict=True)
        return next((heading for name, heading in pairs if name == column and heading), column)


class _RowError(ExpectedError):
    """A column of a row is wrong, or the whole row."""

    def __init__(self, about: str, message: str, **values: object) -> None:
        self.column = about
        super().__init__(message, **values)


def read(
    content: bytes,
    names: Names | None = None,
    choices: TableChoices | None = None,
    most_rows: int = 0,
) -> Table:
    """Read a table of principles; one with more than `most_rows` has that problem, if not 0.

    Raises ExpectedError where it is no table at all.
    """
    choices = choices or TableChoices()
    grid = grids.read(content, headings.recognise, choices.grid)
    table = Table(grid, _columns(grid, choices), choices.language)
    if 0 < most_rows < len(grid.rows):
        message = gettext_noop("The table has %(count)s rows; at most %(most)s can be read here.")
        error = ExpectedError(message, count=len(grid.rows), most=most_rows)
        table.problems = [(0, "", error)]
        return table
    for number, row in grid.rows:
        _read_cells(table, number, row, choices)
    if not table.language and "language" not in table.columns:
        texts = (row.get(name, "") for row in table.cells.values() for name in TEXT_FIELDS)
        table.language = headings.language_of(grid.headings, texts)
    if wrong := _wrong_columns(table):
        table.problems = [(0, "", wrong)]
        return table
    _add_rows(table, names or Names())
    return table


def count(content: bytes) -> int:
    """The number of rows below the headings. Raises ExpectedError."""
    return len(grids.read(content, headings.recognise).rows)


def _columns(grid: Grid, choices: TableChoices) -> list[str]:
    """The column of each heading: as chosen, else as guessed."""
    if not choices.columns:
        return headings.columns(grid.headings)
    width = len(grid.headings)
    chosen = [name if name in COLUMNS else "" for name in choices.columns]
    return [*chosen, *[""] * width][:width]


def _wrong_columns(table: Table) -> ExpectedError | None:
    named = [column for column in table.columns if column]
    for column in named:
        if named.count(column) > 1:
            message = gettext_noop("Two columns are read as %(column)s. Choose one of them.")
            return ExpectedError(message, column=table.heading(column))
    if not named:
        return ExpectedError(_NO_COLUMNS, columns=", ".join(COLUMNS))
    return None if {"slug", "title"} & set(named) else ExpectedError(_NO_TITLE)


def _read_cells(table: Table, number: int, row: list[str], choices: TableChoices) -> None:
    """Put the cells of a row into the table; the missing ones at its end are empty."""
    if number in choices.left_out:
        return
    width = len(table.columns)
    if table.grid.separator and any(cell.strip() for cell in row[width:]):
        message = gettext_noop(
            "This row has more cells than there are headings. Put quotation marks around text"
            " that contains “%(sign)s”."
        )
        table.problems.append((number, "", ExpectedError(message, sign=table.grid.separator)))
    pairs = zip(table.columns, [*row, *[""] * width], strict=False)
    cells = {column: csv_table.unescaped(cell) for column, cell in pairs if column}
    table.cells[number] = {**cells, **choices.cells.get(number, {})}


def _add_rows(table: Table, names: Names) -> None:
    wrong = {number for number, _, _ in table.problems}
    made = {cells.get("slug", "").strip() for cells in table.cells.values()}
    series: dict[str, Iterator[str]] = {}
    for number, cells in table.cells.items():
        if number in wrong:
            continue
        try:
            row = _resolved(cells, table.language, names)
            row["slug"] = row["slug"] or _made_slug(row, names, made, series)
            made.add(row["slug"])
            _add_row(table, number, row)
        except _RowError as error:
            table.problems.append((number, error.column, error))


def _resolved(cells: Mapping[str, str], language: str, names: Names) -> dict[str, str]:
    """A row with values of the exchange format in place of names; themes separated by spaces."""
    row = {column: headings.value(column, cell) for column, cell in cells.items()}
    row["slug"] = row.get("slug", "").strip()
    row["language"] = row.get("language", language).strip()
    if not LANGUAGE.fullmatch(row["language"]):
        raise _RowError("language", gettext_noop("Write a language, such as “Swedish” or “sv”."))
    if source := row.get("source", "").strip():
        message = gettext_noop(
            "There is no source called “%(given)s”. Write the title of an existing one."
        )
        row["source"] = _slug(source, names.sources, "source", message)
    message = gettext_noop(
        "There is no theme called “%(given)s”. Write the name of an existing one."
    )
    themes = [
        _slug(theme, names.themes, "themes", message)
        for theme in _themes(row.get("themes", ""), names.themes)
    ]
    if themes:
        row["themes"] = " ".join(themes)
    return row


def _slug(given: str, known: Mapping[str, str], column: str, message: str) -> str:
    """The slug for a name; what looks like a slug is one."""
    found = known.get(headings.key(given))
    if found == "" and given not in known.values():
        message = gettext_noop(
            "Several are called “%(given)s”. Write the slug of the one you mean."
        )
        raise _RowError(column, message, given=given[:80])
    if found is None and not _SLUG.fullmatch(given):
        raise _RowError(column, message, given=given[:80])
    return found or given


def _themes(cell: str, known: Mapping[str, str]) -> list[str]:
    """The themes of a cell: names separated by commas or the like, or slugs also by spaces."""
    found = []
    for part in filter(None, map(str.strip, re.split(r"[,;|\n]+", cell))):
        words = part.split()
        is_list = headings.key(part) not in known and all(map(_SLUG.fullmatch, words))
        found += words if is_list else [part]
    return found


def _made_slug(
    row: Mapping[str, str], names: Names, made: Collection[str], series: dict[str, Iterator[str]]
) -> str:
    """The slug of a row without one: that of the principle with its title, or a new one.

    `series` has the slugs that are left to try, by the first of them.
    """
    title = " ".join(row.get("title", "").split())
    if not title:
        raise _RowError("title", gettext_noop("Write a title."))
    if known := names.titles.get((row["language"], title)):
        return known
    start = slugify(title) or "principle"
    untried = series.setdefault(start, numbered(start))  # each row goes on where the last one ended
    return next(slug for slug in untried if slug not in names.taken and slug not in made)


def _add_row(table: Table, number: int, row: dict[str, str]) -> None:
    slug, language = row["slug"], row["language"]
    table.rows.setdefault(slug, {}).setdefault(language, number)
    entry = table.entries.setdefault(slug, {"texts": {}})
    for name, value in _shared(row).items():
        if entry.setdefault(name, value) != value:
            message = gettext_noop(
                "Another row of “%(slug)s” says something else here. Write the same in both."
            )
            raise _RowError(name, message, slug=slug)
    if language in entry["texts"]:
        message = gettext_noop(
            "Another row has “%(slug)s” in %(language)s already. Leave one of them out."
        )
        raise _RowError("language", message, slug=slug, language=language)
    entry["texts"][language] = {
        name: row[name]
        for name in (*TEXT_FIELDS, "state")
        if name in row and (row[name] or name in TEXT_FIELDS)
    }


def _shared(row: Mapping[str, str]) -> dict[str, Any]:
    given: dict[str, Any] = {name: row[name] for name in PRINCIPLE_COLUMNS if row.get(name)}
    if "themes" in given:
        given["themes"] = given["themes"].split()
    return given


def names_by_key(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Slugs by the keys of their names; empty where several have the same name."""
    found: dict[str, str] = {}
    for name, slug in pairs:
        place = headings.key(name)
        found[place] = slug if found.get(place, slug) == slug else ""
    return found


def with_names(names: Names, sources: Iterable[Entry], themes: Iterable[Entry]) -> Names:
    """Names with those of the sources and themes of other files."""
    titles = names_by_key((source.get("title", ""), source["slug"]) for source in sources)
    called = names_by_key(
        (text.get("name", ""), theme["slug"])
        for theme in themes
        for text in theme["texts"].values()
    )
    return replace(names, sources={**names.sources, **titles}, themes={**names.themes, **called})
