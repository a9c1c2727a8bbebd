"""Exchange files: TOML, JSON or CSV to checked entries, and principles back to files.

An *entry* is a dict in the shape of the JSON format: only the keys that its file gave, each value
checked and cleaned. What it leaves out stays as it is when the entry is merged into a library.
"""

import csv
import io
import json
import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import tomli_w

from feed.errors import ExchangeError, Problem, mark
from feed.model import KINDS, STATES, STATUSES, TEXT_FIELDS, Principle, Source, Theme

Entry = dict[str, Any]
FORMATS = ("json", "toml", "csv")
PRINCIPLE_COLUMNS = ("slug", "kind", "source", "locator", "themes", "status", "original_language")
COLUMNS = (*PRINCIPLE_COLUMNS, "language", *TEXT_FIELDS, "state")

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
# What XML 1.0 cannot carry, and the C1 controls that nobody types on purpose.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Exchange:
    """Entries by slug, in the order of their files, each with the file it came from."""

    themes: dict[str, Entry] = field(default_factory=dict)
    sources: dict[str, Entry] = field(default_factory=dict)
    principles: dict[str, Entry] = field(default_factory=dict)
    files: dict[tuple[str, str], str] = field(default_factory=dict)


class _ExpectedError(Exception):
    """A value is not what the field takes: a template of the catalogue and its values."""

    def __init__(self, message: str, **values: object) -> None:
        self.message, self.values = message, values
        super().__init__(message)


Check = Callable[[Any], Any]


def _line(longest: int) -> Check:
    def check(value: Any) -> str:
        text = _prose(longest)(value)
        if "\n" in text:
            raise _ExpectedError(mark("expected one line, without a line break"))
        return str(text)

    return check


def _prose(longest: int) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise _ExpectedError(mark("expected text, not %(kind)s"), kind=_kind(value))
        found = _CONTROL.search(value)
        if found:
            code = f"U+{ord(found[0]):04X}"
            raise _ExpectedError(
                mark("expected text without the control character %(code)s"), code=code
            )
        text = unicodedata.normalize("NFC", value.replace("\r\n", "\n").replace("\r", "\n")).strip()
        if len(text) > longest:
            raise _ExpectedError(
                mark("expected at most %(most)s characters, not %(count)s"),
                most=longest,
                count=len(text),
            )
        return text

    return check


def _filled(longest: int, lines: bool = False) -> Check:
    def check(value: Any) -> str:
        text = (_prose if lines else _line)(longest)(value)
        if not text:
            raise _ExpectedError(mark("expected some text, but it is empty"))
        return str(text)

    return check


def _one_of(choices: tuple[str, ...]) -> Check:
    def check(value: Any) -> str:
        if value not in choices:
            raise _ExpectedError(
                mark("expected one of %(choices)s, not “%(value)s”"),
                choices=", ".join(choices),
                value=_shown(value),
            )
        return str(value)

    return check


def _slug(value: Any) -> str:
    if not isinstance(value, str) or not _SLUG.fullmatch(value) or len(value) > 80:
        raise _ExpectedError(
            mark("expected a name in lower-case a–z, 0–9 and hyphens, not “%(value)s”"),
            value=_shown(value),
        )
    return value


def _slugs(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise _ExpectedError(mark("expected a list, not %(kind)s"), kind=_kind(value))
    return list(dict.fromkeys(map(_slug, value)))


def _language(value: Any) -> str:
    if not isinstance(value, str) or not _LANGUAGE.fullmatch(value):
        raise _ExpectedError(
            mark("expected a language code such as sv, not “%(value)s”"), value=_shown(value)
        )
    return value


def _year(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < abs(value) <= 3000:
        message = mark("expected a year such as 2019, not “%(value)s”")
        raise _ExpectedError(message, value=_shown(value))
    return value


def _address(value: Any) -> str:
    text = str(_line(500)(value))
    if text and not re.fullmatch(r"https?://[^\s<>\"]+", text):
        raise _ExpectedError(mark("expected an address that begins with https:// or http://"))
    return text


TEXT = {
    "title": _filled(200),
    "statement": _filled(2000, lines=True),
    "reflection": _prose(2000),
    "practice": _prose(2000),
    "commentary": _prose(10_000),
    "state": _one_of(STATES),
}
PRINCIPLE = {
    "slug": _slug,
    "kind": _one_of(KINDS),
    "source": _slug,
    "locator": _line(200),
    "themes": _slugs,
    "status": _one_of(STATUSES),
    "original_language": _language,
}
SOURCE = {
    "slug": _slug,
    "title": _filled(300),
    "author": _line(200),
    "publisher": _line(200),
    "year": _year,
    "language": _language,
    "url": _address,
}
SOURCE_TEXT = {"introduction": _prose(2000), "rights": _prose(2000)}
THEME = {"slug": _slug}
THEME_TEXT = {"name": _filled(80), "description": _prose(2000)}
_KINDS_OF_ENTRY: dict[str, tuple[Mapping[str, Check], Mapping[str, Check]]] = {
    "themes": (THEME, THEME_TEXT),
    "sources": (SOURCE, SOURCE_TEXT),
    "principles": (PRINCIPLE, TEXT),
}


def read(files: Mapping[str, bytes]) -> Exchange:
    """Read exchange files, name to content; the name's ending tells the format.

    All files together are one exchange, in any order. Raises ExchangeError with every problem.
    """
    reader = _Reader()
    for name, content in files.items():
        reader.read(name, content)
    if reader.problems:
        raise ExchangeError(reader.problems)
    return reader.exchange


class _Reader:
    """Collects the entries and the problems of several files."""

    def __init__(self) -> None:
        self.exchange = Exchange()
        self.problems: list[Problem] = []

    def wrong(self, file: str, entry: str, name: str, message: str, **values: object) -> None:
        self.problems.append(Problem(file, entry, name, message, values))

    def read(self, file: str, content: bytes) -> None:
        ending = file.rpartition(".")[2].lower()
        parsers: dict[str, Callable[[str], Any]] = {
            "toml": tomllib.loads,
            "json": partial(json.loads, object_pairs_hook=_without_repeats),
            "csv": self._rows,
        }
        parse = parsers.get(ending)
        if parse is None:
            expected = mark("expected a file that ends in .toml, .json or .csv")
            return self.wrong(file, "", "", expected)
        try:
            document = parse(content.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            return self.wrong(file, "", "", mark("line %(line)s: expected UTF-8 text"), line=line)
        except (ValueError, RecursionError, csv.Error) as error:
            message = mark("expected %(format)s, but: %(detail)s")
            return self.wrong(file, "", "", message, format=ending.upper(), detail=error)
        self._document(file, document)

    def _document(self, file: str, document: Any) -> None:
        if not isinstance(document, dict):
            expected = mark("expected an object with themes, sources or principles")
            return self.wrong(file, "", "", expected)
        self._unknown(file, "", document, _KINDS_OF_ENTRY)
        for kind, (checks, text_checks) in _KINDS_OF_ENTRY.items():
            entries = document.get(kind, [])
            if not isinstance(entries, list):
                self.wrong(
                    file, "", kind, mark("expected a list, not %(kind)s"), kind=_kind(entries)
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
                file, label, "", mark("expected a table, not %(kind)s"), kind=_kind(raw)
            )
        if isinstance(raw.get("slug"), str) and raw["slug"]:
            label = f"{kind} “{raw['slug'][:80]}”"
        texts = raw.get("texts", {})
        entry = self._fields(file, label, "", {**raw, "texts": None}, checks, also=("texts",))
        entry["texts"] = {}
        if not isinstance(texts, dict):
            self.wrong(
                file, label, "texts", mark("expected a table, not %(kind)s"), kind=_kind(texts)
            )
            texts = {}
        for language, text in texts.items():
            where = f"texts.{language}"
            if not _LANGUAGE.fullmatch(language):
                self.wrong(file, label, where, mark("expected a language code such as sv"))
            elif not isinstance(text, dict):
                self.wrong(
                    file, label, where, mark("expected a table, not %(kind)s"), kind=_kind(text)
                )
            else:
                entry["texts"][language] = self._fields(file, label, f"{where}.", text, text_checks)
        if raw.get("slug") is None:
            return self.wrong(file, label, "slug", mark("expected a name, but there is none"))
        self._keep(file, kind, label, entry)

    def _keep(self, file: str, kind: str, label: str, entry: Entry) -> None:
        slug = entry.get("slug")
        if slug is None:
            return
        entries: dict[str, Entry] = getattr(self.exchange, kind)
        if slug in entries:
            other = self.exchange.files[kind, slug]
            message = mark("expected each name once, but it is in %(other)s, too")
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
            except _ExpectedError as error:
                self.wrong(file, label, prefix + name, error.message, **error.values)
        return entry

    def _unknown(
        self, file: str, label: str, raw: Iterable[str], known: Iterable[str], prefix: str = ""
    ) -> None:
        known = tuple(known)
        for name in raw:
            if name not in known:
                message = mark("unknown; expected one of %(known)s")
                self.wrong(file, label, f"{prefix}{name}", message, known=", ".join(known))

    def _rows(self, text: str) -> dict[str, Any]:
        """CSV, one row per principle and language, as the document it stands for."""
        header = text.partition("\n")[0]
        delimiter = max(",;\t", key=header.count)
        rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        unknown = [name for name in rows.fieldnames or [] if name not in COLUMNS]
        if unknown or not {"slug", "language"} <= set(rows.fieldnames or []):
            raise ValueError(f"the first row names the columns: {', '.join(COLUMNS)}")
        for name in rows.fieldnames or []:
            if (rows.fieldnames or []).count(name) > 1:
                raise ValueError(f"the first row names the column {name} twice")
        entries: dict[str, Entry] = {}
        for row in rows:
            where = f"line {rows.line_num}"
            if None in row or None in row.values():
                raise ValueError(f"{where} has not as many cells as the first row")
            given = {name: row[name] for name in PRINCIPLE_COLUMNS if row.get(name)}
            if "themes" in given:
                given["themes"] = re.split(r"[\s,|]+", given["themes"].strip())
            entry = entries.setdefault(row["slug"], {"texts": {}})
            for name, value in given.items():
                if entry.setdefault(name, value) != value:
                    raise ValueError(f"{where} gives “{row['slug']}” another {name} than before")
            if row["language"] in entry["texts"]:
                raise ValueError(f"{where} repeats “{row['slug']}” in {row['language']}")
            entry["texts"][row["language"]] = {
                name: row[name]
                for name in (*TEXT_FIELDS, "state")
                if name in row and (row[name] or name in TEXT_FIELDS)
            }
        return {"principles": list(entries.values())}


def merged(old: Entry | None, new: Entry) -> Entry:
    """`old` with everything that `new` gives; what `new` leaves out stays."""
    if old is None:
        return new
    texts = dict(old["texts"])
    for language, text in new["texts"].items():
        before = texts.get(language, {})
        after = {**before, **text}
        same = all(after.get(name, "") == before.get(name, "") for name in TEXT_FIELDS)
        if same and before.get("state") == "outdated" and after.get("state") == "approved":
            after["state"] = "outdated"  # no translator has looked at it since
        texts[language] = after
    return {**old, **new, "texts": texts}


def entry_of(item: Principle | Source | Theme, languages: Iterable[str] | None = None) -> Entry:
    """A value of the library as an entry, with the texts of `languages`, or all of them.

    What is not known is left out.
    """
    kind = {Principle: "principles", Source: "sources", Theme: "themes"}[type(item)]
    checks, text_checks = _KINDS_OF_ENTRY[kind]
    fields = {name: getattr(item, name) for name in checks}
    entry: Entry = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in fields.items()
        if value is not None
    }
    entry["texts"] = {
        language: {name: getattr(text, name) for name in text_checks}
        for language, text in item.texts.items()
        if languages is None or language in languages
    }
    return entry


def write(exchange: Exchange, form: str) -> str:
    """An exchange as the text of a file. CSV holds the principles only, one row per language."""
    if form == "csv":
        return _csv(exchange.principles.values())
    document = {
        kind: list(getattr(exchange, kind).values())
        for kind in _KINDS_OF_ENTRY
        if getattr(exchange, kind)
    }
    if form == "toml":
        return tomli_w.dumps(document)
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _csv(principles: Iterable[Entry]) -> str:
    out = io.StringIO(newline="")
    rows = csv.DictWriter(out, COLUMNS, lineterminator="\r\n")
    rows.writeheader()
    for entry in principles:
        shared = {name: entry.get(name, "") for name in PRINCIPLE_COLUMNS}
        shared["themes"] = " ".join(entry["themes"])
        for language, text in entry["texts"].items():
            rows.writerow({**shared, "language": language, **text})
    return out.getvalue()


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, unless one of its names would hide another."""
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"an object names “{name}” twice")
    return dict(pairs)


def _shown(value: Any) -> str:
    """A refused value as it can stand in a message, however long or deep it is."""
    try:
        return str(value)[:80]
    except (ValueError, RecursionError):
        return "…"


def _kind(value: Any) -> str:
    names = {
        dict: "a table",
        list: "a list",
        str: "text",
        bool: "true or false",
        type(None): "nothing",
    }
    return names.get(type(value), "a number" if isinstance(value, int | float) else "a date")
