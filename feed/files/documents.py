"""Reading and writing exchange files: TOML and JSON documents, and tables by `csv_table`."""

import codecs
import csv
import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import tomli_w

from feed.errors import ExchangeError, Problem, gettext_noop
from feed.files import csv_table
from feed.files.entries import LANGUAGE, Entry, Exchange, ExpectedError, without_controls

FORMATS = ("json", "toml", "csv")
LISTS = ("themes", "sources", "principles")
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SNIFFED = 8  # bytes that tell UTF-16 from other text: the name of a column has four letters
_MAX_KEY_PARTS = 50  # with a dot between; those of an entry have three at most
_DOT = re.compile(r"(?<![ \t])[ \t]*+\.[ \t]*+")
_RUN = re.compile(r"[^\s=,{}\[\]]+")
_TEXT_HEADING = re.compile(r"^[ \t]*\[[ \t]*\w+[ \t]*\.[ \t]*\"?texts\"?[ \t]*\.", re.MULTILINE)
_WORKBOOK = b"PK\x03\x04"  # how .xlsx and .ods begin


def decode(content: bytes, *, is_table: bool = False) -> str:
    """The text of a file: UTF-8, or UTF-16 with a byte order mark; a table may be Windows-1252.

    Raises UnicodeDecodeError where it is none of these.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return content.decode(encoding)
    if is_table and (unmarked := _utf_16(content[:_SNIFFED])):
        return content.decode(unmarked)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        if not is_table or b"\0" in content:
            raise
    return content.decode("windows-1252")


def _utf_16(start: bytes) -> str:
    """Detect UTF-16 without a byte order mark: column names have a zero in every other byte."""
    high, low = start[0::2], start[1::2]
    if low and not any(low) and all(high):
        return "utf-16-le"
    if low and not any(high[: len(low)]) and all(low):
        return "utf-16-be"
    return ""


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


def read(files: Mapping[str, bytes]) -> Exchange:
    """Read exchange files, name to content; the name's ending tells the format.

    All files together are one exchange, in any order. Raises ExchangeError with every problem.
    """
    found, problems = examine(files)
    if problems:
        raise ExchangeError(problems)
    return found


def examine(files: Mapping[str, bytes]) -> tuple[Exchange, list[Problem]]:
    """The valid entries and fields of exchange files, and every problem in them."""
    reader = _Reader()
    for name, content in files.items():
        reader.read(name, content)
    return reader.exchange, reader.problems


def rows(name: str, content: bytes, limit: int) -> int:
    """The number of rows of a file: one for each entry and language; 0 where it is unreadable.

    Above `limit` it may be an estimate.
    """
    ending = _ending(name)
    try:
        text = decode(content, is_table=ending in csv_table.ENDINGS)
        if ending in csv_table.ENDINGS:
            return csv_table.count(text)
        return count_texts(ending, text, limit) if ending in PARSERS else 0
    except (ValueError, RecursionError, csv.Error):
        return 0


def _ending(name: str) -> str:
    return name.rpartition(".")[2].lower()


class _Reader:
    """Collects the entries and the problems of several files."""

    def __init__(self) -> None:
        self.exchange = Exchange()
        self.problems: list[Problem] = []

    def read(self, file: str, content: bytes) -> None:
        try:
            document = self._parse(file, content)
        except ExpectedError as error:
            self._refuse(file, "", "", error)
        else:
            self._document(file, document)

    def _parse(self, file: str, content: bytes) -> Any:
        ending = _ending(file)
        if content.startswith(_WORKBOOK):
            raise ExpectedError(gettext_noop("expected text, not a workbook: save it as CSV"))
        if ending not in (*PARSERS, *csv_table.ENDINGS):
            raise ExpectedError(gettext_noop("expected a file that ends in .toml, .json or .csv"))
        try:
            text = decode(content, is_table=ending in csv_table.ENDINGS)
            return self._table(file, text) if ending in csv_table.ENDINGS else PARSERS[ending](text)
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            message = gettext_noop("line %(line)s: expected UTF-8 text")
            raise ExpectedError(message, line=line) from None
        except ExpectedError:
            raise
        except (ValueError, RecursionError, csv.Error) as error:
            message = gettext_noop("expected %(format)s, but: %(detail)s")
            raise ExpectedError(message, format=ending.upper(), detail=error) from None

    def _table(self, file: str, text: str) -> dict[str, Any]:
        """The document that a table stands for."""
        found = csv_table.read(text)
        self.exchange.rows.update(found.rows)
        for row, column, error in found.problems:
            self.problems.append(
                Problem(file, f"row {row}", column, error.message, error.values, row)
            )
        return {"principles": [{"slug": slug, **entry} for slug, entry in found.entries.items()]}

    def _document(self, file: str, document: Any) -> None:
        from feed.files.models import ENTRIES, expected_list, unknown  # pydantic is slow to load

        if not isinstance(document, dict):
            expected = gettext_noop("expected an object with themes, sources or principles")
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
                message = gettext_noop("expected a language code such as sv")
                self._refuse(file, label, path, ExpectedError(message))
            elif not isinstance(text, dict):
                self._refuse(file, label, path, expected_table(text))
            else:
                entry["texts"][language], errors = validated(text_model, text)
                self._refuse_all(file, label, f"{path}.", errors)
        if raw.get("slug") is None:
            message = gettext_noop("expected a name, but there is none")
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
            message = gettext_noop("expected each name once, but it is in %(other)s, too")
            return self._refuse(file, label, "slug", ExpectedError(message, other=other))
        entries[slug] = entry
        self.exchange.files[kind, slug] = file

    def _refuse(self, file: str, entry: str, name: str, error: ExpectedError) -> None:
        # A file can name what no page can carry: half a pair of surrogates.
        values = {key: _printable(value) for key, value in error.values.items()}
        where = (file, without_controls(entry), without_controls(name))
        self.problems.append(Problem(*where, error.message, values))


def _printable(value: object) -> object:
    return value if isinstance(value, int) else without_controls(str(value))
