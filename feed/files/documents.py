"""Reading and writing exchange files: TOML and JSON documents, and tables by `tables`."""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import tomli_w

from feed.errors import ExchangeError, Problem, gettext_noop
from feed.files import csv_table, grids, tables, workbooks
from feed.files.decoding import decode
from feed.files.entries import LANGUAGE, Entry, Exchange, ExpectedError, without_controls
from feed.files.tables import Names, Table, TableChoices
from feed.i18n import canonical

FORMATS = ("json", "toml", "csv")
LISTS = ("themes", "sources", "principles")
_MAX_KEY_PARTS = 50  # with a dot between; those of an entry have three at most
_DOT = re.compile(r"(?<![ \t])[ \t]*+\.[ \t]*+")
_RUN = re.compile(r"[^\s=,{}\[\]]+")
_TEXT_HEADING = re.compile(r"^[ \t]*\[[ \t]*\w+[ \t]*\.[ \t]*\"?texts\"?[ \t]*\.", re.MULTILINE)


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


def read(files: Mapping[str, bytes], names: Names | None = None) -> Exchange:
    """Read exchange files, name to content; the name's ending tells the format.

    All files together are one exchange, in any order. Raises ExchangeError with every problem.
    """
    found, problems = examine(files, names)
    if problems:
        raise ExchangeError(problems)
    return found


def examine(
    files: Mapping[str, bytes],
    names: Names | None = None,
    choices: TableChoices | None = None,
    most_rows: int = 0,
) -> tuple[Exchange, list[Problem]]:
    """The valid entries and fields of exchange files, and every problem in them.

    Cells of tables may name what is in `names`, and in the other files. A table with more than
    `most_rows` is a problem, if that is not 0.
    """
    reader = _Reader(choices or TableChoices(), most_rows)
    for is_last in (False, True):  # tables name what the other files have
        for name, content in files.items():
            if is_table(name, content) is is_last:
                reader.read(name, content, names or Names())
    return reader.exchange, reader.problems


def is_table(name: str, content: bytes) -> bool:
    """Whether a file is a spreadsheet, not a TOML or JSON document."""
    return ending(name) in grids.ENDINGS or workbooks.is_workbook(content)


def rows(name: str, content: bytes, limit: int) -> int:
    """The number of rows of a file: one for each entry and language; 0 where it is unreadable.

    Above `limit` it may be an estimate.
    """
    try:
        if is_table(name, content):
            return tables.count(content)
        form = ending(name)
        return count_texts(form, decode(content), limit) if form in PARSERS else 0
    except (ValueError, RecursionError):
        return 0


def ending(name: str) -> str:
    """The ending of a file's name, in lower case."""
    return name.rpartition(".")[2].lower()


class _Reader:
    """Collects the entries and the problems of several files."""

    def __init__(self, choices: TableChoices, most_rows: int) -> None:
        self._choices, self._most_rows = choices, most_rows
        self.exchange = Exchange()
        self.problems: list[Problem] = []

    def read(self, file: str, content: bytes, names: Names) -> None:
        try:
            if is_table(file, content):
                known = self.exchange.sources.values(), self.exchange.themes.values()
                names = tables.with_names(names, *known)
                self._table(file, tables.read(content, names, self._choices, self._most_rows))
            else:
                self._document(file, self._parse(file, content))
        except ExpectedError as error:
            self._refuse(file, "", "", error)

    def _parse(self, file: str, content: bytes) -> Any:
        form = ending(file)
        if form not in PARSERS:
            message = gettext_noop("Choose a file that ends in %(endings)s.")
            endings = ", ".join(f".{each}" for each in (*grids.ENDINGS, *PARSERS))
            raise ExpectedError(message, endings=endings)
        try:
            return PARSERS[form](decode(content))
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            message = gettext_noop("line %(line)s should be UTF-8 text")
            raise ExpectedError(message, line=line) from None
        except (ValueError, RecursionError) as error:
            message = gettext_noop("couldn’t be read as %(format)s: %(detail)s")
            raise ExpectedError(message, format=form.upper(), detail=error) from None

    def _table(self, file: str, table: Table) -> None:
        self.exchange.tables[file] = table
        for row, column, error in table.problems:
            heading = without_controls(table.heading(column)) if column else ""
            place = (file, "", column, error.message, _printable(error.values))
            self.problems.append(Problem(*place, row or None, heading))
        first = len(self.problems)
        entries = [{"slug": slug, **entry} for slug, entry in table.entries.items()]
        self._document(file, {"principles": entries})
        slugs = {f"principles “{slug[:80]}”": slug for slug in table.entries}
        for number, problem in enumerate(self.problems[first:], first):
            cell = self.exchange.cell(file, slugs.get(problem.entry, ""), problem.field)
            self.problems[number] = replace(problem, row=cell[0], heading=cell[1])

    def _document(self, file: str, document: Any) -> None:
        from feed.files.models import ENTRIES, expected_list, unknown  # pydantic is slow to load

        if not isinstance(document, dict):
            expected = gettext_noop("should be an object with themes, sources or principles")
            return self._refuse(file, "", "", ExpectedError(expected))
        for name in [name for name in document if name not in ENTRIES]:
            self._refuse(file, "", name, unknown(ENTRIES))
        for kind in ENTRIES:
            entries = document.get(kind, [])
            if not isinstance(entries, list):
                self._refuse(file, "", kind, expected_list(entries))
                continue
            for number, raw in enumerate(entries, 1):
                self._entry(file, kind, number, raw)

    def _entry(self, file: str, kind: str, number: int, raw: Any) -> None:
        from feed.files.models import ENTRIES, expected_table, validated

        label = f"{kind} {number}"
        if not isinstance(raw, dict):
            return self._refuse(file, label, "", expected_table(raw))
        if isinstance(raw.get("slug"), str) and raw["slug"]:
            label = f"{kind} “{raw['slug'][:80]}”"
        model, text_model = ENTRIES[kind]
        entry, errors = validated(model, raw, ignored=("texts",))
        self._refuse_all(file, label, "", errors)
        entry["texts"] = {}
        texts = raw.get("texts", {})
        if not isinstance(texts, dict):
            self._refuse(file, label, "texts", expected_table(texts))
            texts = {}
        for language, text in texts.items():
            path = f"texts.{language}"
            if not LANGUAGE.fullmatch(language):
                message = gettext_noop("should be a language code such as sv")
                self._refuse(file, label, path, ExpectedError(message))
            elif not isinstance(text, dict):
                self._refuse(file, label, path, expected_table(text))
            else:
                entry["texts"][canonical(language)], errors = validated(text_model, text)
                self._refuse_all(file, label, f"{path}.", errors)
        if raw.get("slug") is None:
            message = gettext_noop("needs a name, but there is none")
            self._refuse(file, label, "slug", ExpectedError(message))
        elif "slug" in entry:
            self._add(file, kind, label, entry)

    def _refuse_all(
        self, file: str, entry: str, prefix: str, errors: Mapping[str, ExpectedError]
    ) -> None:
        for name, error in errors.items():
            self._refuse(file, entry, prefix + name, error)

    def _add(self, file: str, kind: str, label: str, entry: Entry) -> None:
        slug = entry["slug"]
        entries: dict[str, Entry] = getattr(self.exchange, kind)
        if slug in entries:
            other = self.exchange.files[kind, slug]
            message = gettext_noop("should be there once, but is in %(other)s, too")
            return self._refuse(file, label, "slug", ExpectedError(message, other=other))
        entries[slug] = entry
        self.exchange.files[kind, slug] = file

    def _refuse(self, file: str, entry: str, name: str, error: ExpectedError) -> None:
        # A file can name what no page can carry: half a pair of surrogates.
        where = (file, without_controls(entry), without_controls(name))
        self.problems.append(Problem(*where, error.message, _printable(error.values)))


def _printable(values: Mapping[str, object]) -> dict[str, object]:
    return {
        key: value if isinstance(value, int) else without_controls(str(value))
        for key, value in values.items()
    }
