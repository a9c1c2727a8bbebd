"""How an uploaded table is read: what was guessed, what is chosen instead, and rows to mend."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from werkzeug.datastructures import MultiDict

from feed.desk.import_table import column_name
from feed.errors import Problem, gettext_noop
from feed.files import COLUMNS, Table, TableChoices
from feed.files.decoding import ENCODINGS
from feed.files.grids import Grid, GridChoices
from feed.i18n import Translator, own_name
from feed.library.exchange import UploadPreview

Form = MultiDict[str, str]
MOST_SHOWN = 20  # rows to mend on a page
_PROSE = ("statement", "reflection", "practice", "team", "commentary", "notes")
_ENCODINGS = {
    "utf-8": "Unicode (UTF-8)",
    "utf-16": "Unicode (UTF-16)",
    "windows-1252": "Windows (1252)",
    "mac-roman": "Macintosh (Mac Roman)",
    "cp850": "MS-DOS (850)",
}
_SEPARATORS = {
    ",": gettext_noop("commas"),
    ";": gettext_noop("semicolons"),
    "\t": gettext_noop("tabs"),
    "|": gettext_noop("vertical bars"),
}


@dataclass(frozen=True, slots=True)
class RefusedCell:
    """A cell to mend: the name of its form field, its heading, and what is wrong with it."""

    name: str
    column: str
    heading: str
    text: str
    is_prose: bool


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row with errors: those of single cells stand at the cells in `wrong`."""

    number: int
    reasons: list[str]
    wrong: list[RefusedCell]
    others: list[RefusedCell]


def view(found: UploadPreview, t: Translator, languages: Iterable[str]) -> dict[str, Any]:
    """What the page of an import says of the table: nothing where the file is none."""
    table = found.table
    if table is None:
        return {"reading": None, "is_chosen": bool(found.upload.choices)}
    problems = [problem for problem in found.plan.problems if problem.row is not None]
    numbers = list(dict.fromkeys(problem.row for problem in problems))
    wrong: dict[str, str] = {}
    shown = [_bad_row(table, number, problems, t, wrong) for number in numbers[:MOST_SHOWN]]
    return {
        "reading": table,
        "guesses": how_read(table.grid, t),
        "encodings": _ENCODINGS,
        "separators": {sign: t.gettext(name) for sign, name in _SEPARATORS.items()},
        "column_names": {name: column_name(t, name) for name in COLUMNS},
        "language_names": {code: own_name(code) for code in languages},
        "encoding": _family(table.grid.encoding),
        "bad_rows": shown,
        "more_bad_rows": len(numbers) - len(shown),
        "wrong": wrong,
        "left_out": sorted(found.choices.left_out),
        "is_chosen": bool(found.upload.choices),
    }


def reading(choices: TableChoices, form: Form) -> TableChoices:
    """The choices with those of a submitted form; its parts are the grid, or the columns."""
    if "again" in form:
        return TableChoices()
    if "column.0" in form:
        columns = [form.get(f"column.{place}", "") for place in range(_count(form))]
        chosen = tuple(name if name in COLUMNS else "" for name in columns)
        return replace(choices, columns=chosen, language=form.get("language", "")[:20])
    encoding, separator = form.get("encoding", ""), form.get("separator", "")
    grid = GridChoices(
        encoding if encoding in ENCODINGS else "",
        separator if separator in _SEPARATORS else "",
        form.get("sheet", "")[:100],
        _number(form.get("heading_row", "")),
    )
    if grid.sheet != choices.grid.sheet:
        choices = TableChoices(language=choices.language)  # the cells were of another sheet
    return replace(choices, grid=grid, columns=())


def mended(
    choices: TableChoices, cells: Mapping[int, Mapping[str, str]], form: Form
) -> TableChoices:
    """The choices with the cells that a form changes, and the rows that it leaves out."""
    if "back" in form:
        return replace(choices, left_out=frozenset())
    changed = {row: dict(values) for row, values in choices.cells.items()}
    left_out = set(choices.left_out)
    for name, text in form.items():
        kind, _, place = name.partition(".")
        column, _, row = place.rpartition(".")
        number = _number(row)
        if number not in cells:
            continue
        if kind == "leave":
            left_out.add(number)
        elif kind == "cell" and column in COLUMNS:
            before, text = cells[number].get(column, ""), text.replace("\r\n", "\n")
            if text != before.replace("\r\n", "\n").replace("\r", "\n"):
                changed.setdefault(number, {})[column] = text
    return replace(choices, cells=changed, left_out=frozenset(left_out))


def how_read(grid: Grid, t: Translator) -> str:
    """What was guessed of a spreadsheet, or chosen, in a sentence."""
    if grid.sheet:
        message = gettext_noop("The sheet “%(sheet)s”, with its headings in row %(row)s.")
        return t.gettext(message, sheet=grid.sheet, row=grid.heading_row)
    message = gettext_noop(
        "%(encoding)s text, separated by %(separator)s, with its headings in row %(row)s."
    )
    separator = t.gettext(_SEPARATORS.get(grid.separator, grid.separator))
    encoding = _ENCODINGS.get(_family(grid.encoding), grid.encoding)
    return t.gettext(message, encoding=encoding, separator=separator, row=grid.heading_row)


def _family(encoding: str) -> str:
    """UTF-16 of either byte order is one choice."""
    return "utf-16" if encoding.startswith("utf-16") else encoding


def _bad_row(
    table: Table,
    number: int | None,
    problems: Iterable[Problem],
    t: Translator,
    wrong: dict[str, str],
) -> BadRow:
    """A row with its cells; the errors of cells go into `wrong`, by the name of the field."""
    assert number is not None  # noqa: S101 – of a row
    reasons = []
    named = list(dict.fromkeys(name for name in table.columns if name))
    bad = set()
    for problem in problems:
        if problem.row != number:
            continue
        words = t.gettext(problem.message, **problem.values)
        column = _column(problem.field)
        if column in COLUMNS:
            bad.add(column)
            wrong[f"cell.{column}.{number}"] = words
            named += [] if column in named else [column]
        else:
            reasons.append(words)
    row = table.cells.get(number, {})
    cells = [
        RefusedCell(
            f"cell.{name}.{number}",
            name,
            table.heading(name) if name in table.columns else column_name(t, name),
            row.get(name, ""),
            name in _PROSE,
        )
        for name in named
    ]
    is_bad = [cell.name in wrong for cell in cells]
    return BadRow(
        number,
        reasons,
        [cell for cell, it in zip(cells, is_bad, strict=True) if it],
        [cell for cell, it in zip(cells, is_bad, strict=True) if not it],
    )


def _column(field: str) -> str:
    """The column that a field of an entry is in: `title` for `texts.sv.title`."""
    if field == "texts" or field.count(".") == 1:
        return "language"
    return field.rpartition(".")[2]


def _count(form: Form) -> int:
    return sum(name.startswith("column.") for name in form)


def _number(text: str) -> int:
    """A row’s number; 0 if it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0
