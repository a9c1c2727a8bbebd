"""Reading exchange files: TOML, JSON or CSV to checked entries, with every problem found."""

import csv
from collections.abc import Iterable, Mapping
from typing import Any

from feed.errors import ExchangeError, Problem, gettext_noop
from feed.files import csv_table
from feed.files.encoding import text_of
from feed.files.entry import Entry, Exchange
from feed.files.fields import (
    KINDS_OF_ENTRY,
    LANGUAGE,
    Check,
    ExpectedError,
    kind_of,
    without_controls,
)
from feed.files.parsing import PARSERS

_WORKBOOK = b"PK\x03\x04"  # how .xlsx and .ods begin


def read(files: Mapping[str, bytes]) -> Exchange:
    """Read exchange files, name to content; the name's ending tells the format.

    All files together are one exchange, in any order. Raises ExchangeError with every problem.
    """
    found, problems = examine(files)
    if problems:
        raise ExchangeError(problems)
    return found


def examine(files: Mapping[str, bytes]) -> tuple[Exchange, list[Problem]]:
    """What can be read of exchange files, as `read` does, and every problem in them."""
    reader = _Reader()
    for name, content in files.items():
        reader.read(name, content)
    return reader.exchange, reader.problems


class _Reader:
    """Collects the entries and the problems of several files."""

    def __init__(self) -> None:
        self.exchange = Exchange()
        self.problems: list[Problem] = []

    def wrong(self, file: str, entry: str, name: str, message: str, **values: object) -> None:
        # A file can name what no page can carry: half a pair of surrogates.
        told = {key: _printable(value) for key, value in values.items()}
        self.problems.append(
            Problem(file, without_controls(entry), without_controls(name), message, told)
        )

    def read(self, file: str, content: bytes) -> None:
        ending = file.rpartition(".")[2].lower()
        if content.startswith(_WORKBOOK):
            return self.wrong(
                file, "", "", gettext_noop("expected text, not a workbook: save it as CSV")
            )
        if ending not in (*PARSERS, *csv_table.ENDINGS):
            expected = gettext_noop("expected a file that ends in .toml, .json or .csv")
            return self.wrong(file, "", "", expected)
        try:
            text = text_of(content, is_table=ending in csv_table.ENDINGS)
            document = (
                self._rows(file, text) if ending in csv_table.ENDINGS else PARSERS[ending](text)
            )
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            return self.wrong(
                file, "", "", gettext_noop("line %(line)s: expected UTF-8 text"), line=line
            )
        except ExpectedError as error:
            return self.wrong(file, "", "", error.message, **error.values)
        except (ValueError, RecursionError, csv.Error) as error:
            message = gettext_noop("expected %(format)s, but: %(detail)s")
            return self.wrong(file, "", "", message, format=ending.upper(), detail=error)
        self._document(file, document)

    def _rows(self, file: str, text: str) -> dict[str, Any]:
        """A table as the document it stands for."""
        found = csv_table.read(text)
        self.exchange.rows.update(found.rows)
        for row, column, error in found.problems:
            where = (file, f"row {row}", column)
            self.problems.append(Problem(*where, error.message, error.values, row))
        return {"principles": [{"slug": slug, **entry} for slug, entry in found.entries.items()]}

    def _document(self, file: str, document: Any) -> None:
        if not isinstance(document, dict):
            expected = gettext_noop("expected an object with themes, sources or principles")
            return self.wrong(file, "", "", expected)
        self._unknown(file, "", document, KINDS_OF_ENTRY)
        for kind, (checks, text_checks) in KINDS_OF_ENTRY.items():
            entries = document.get(kind, [])
            if not isinstance(entries, list):
                self.wrong(
                    file,
                    "",
                    kind,
                    gettext_noop("expected a list, not %(kind)s"),
                    kind=kind_of(entries),
                )
                continue
            for number, raw in enumerate(entries, 1):
                self._entry(file, kind, number, raw, checks, text_checks)

    def _entry(
        self,
        file: str,
        kind: str,
        number: int,
        raw: Any,
        checks: Mapping[str, Check],
        text_checks: Mapping[str, Check],
    ) -> None:
        label = f"{kind} {number}"
        if not isinstance(raw, dict):
            return self.wrong(
                file, label, "", gettext_noop("expected a table, not %(kind)s"), kind=kind_of(raw)
            )
        if isinstance(raw.get("slug"), str) and raw["slug"]:
            label = f"{kind} “{raw['slug'][:80]}”"
        texts = raw.get("texts", {})
        entry = self._fields(file, label, "", {**raw, "texts": None}, checks, also=("texts",))
        entry["texts"] = {}
        if not isinstance(texts, dict):
            self.wrong(
                file,
                label,
                "texts",
                gettext_noop("expected a table, not %(kind)s"),
                kind=kind_of(texts),
            )
            texts = {}
        for language, text in texts.items():
            where = f"texts.{language}"
            if not LANGUAGE.fullmatch(language):
                self.wrong(file, label, where, gettext_noop("expected a language code such as sv"))
            elif not isinstance(text, dict):
                self.wrong(
                    file,
                    label,
                    where,
                    gettext_noop("expected a table, not %(kind)s"),
                    kind=kind_of(text),
                )
            else:
                entry["texts"][language] = self._fields(file, label, f"{where}.", text, text_checks)
        if raw.get("slug") is None:
            return self.wrong(
                file, label, "slug", gettext_noop("expected a name, but there is none")
            )
        self._keep(file, kind, label, entry)

    def _keep(self, file: str, kind: str, label: str, entry: Entry) -> None:
        slug = entry.get("slug")
        if slug is None:
            return
        entries: dict[str, Entry] = getattr(self.exchange, kind)
        if slug in entries:
            other = self.exchange.files[kind, slug]
            message = gettext_noop("expected each name once, but it is in %(other)s, too")
            return self.wrong(file, label, "slug", message, other=other)
        entries[slug] = entry
        self.exchange.files[kind, slug] = file

    def _fields(
        self,
        file: str,
        label: str,
        prefix: str,
        raw: Mapping[str, Any],
        checks: Mapping[str, Check],
        also: tuple[str, ...] = (),
    ) -> Entry:
        self._unknown(file, label, raw, (*checks, *also), prefix)
        entry: Entry = {}
        for name, check in checks.items():
            if raw.get(name) is None:
                continue
            try:
                entry[name] = check(raw[name])
            except ExpectedError as error:
                self.wrong(file, label, prefix + name, error.message, **error.values)
        return entry

    def _unknown(
        self, file: str, label: str, raw: Iterable[str], known: Iterable[str], prefix: str = ""
    ) -> None:
        known = tuple(known)
        for name in raw:
            if name not in known:
                message = gettext_noop("unknown; expected one of %(known)s")
                self.wrong(file, label, f"{prefix}{name}", message, known=", ".join(known))


def _printable(value: object) -> object:
    return value if isinstance(value, int) else without_controls(str(value))
