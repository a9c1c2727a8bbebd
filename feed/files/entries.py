"""Entries: dicts in the shape of the JSON format, made from the library and merged into it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from feed.model import TEXT_FIELDS, Principle, Source, Theme

if TYPE_CHECKING:
    from feed.files.tables import Table

Entry = dict[str, Any]
PRINCIPLE_COLUMNS = (
    *("slug", "kind", "source", "locator", "themes", "status", "original_language", "notes"),
)
COLUMNS = (*PRINCIPLE_COLUMNS, "language", *TEXT_FIELDS, "state")
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
# Characters that XML 1.0 does not allow, the C1 controls, and those that change the
# direction of the text after them, which could make a page show something else than it says.
_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]"
)


class ExpectedError(ValueError):
    """A value is invalid; `message` is a message id of the catalogue, filled from `values`."""

    def __init__(self, message: str, **values: object) -> None:
        self.message, self.values = message, values
        super().__init__(message)


@dataclass(frozen=True)
class Exchange:
    """Entries by slug, in the order of their files.

    `files` has the file of each entry, by its list and slug; `tables` the tables, by their files.
    """

    themes: dict[str, Entry] = field(default_factory=dict)
    sources: dict[str, Entry] = field(default_factory=dict)
    principles: dict[str, Entry] = field(default_factory=dict)
    files: dict[tuple[str, str], str] = field(default_factory=dict)
    tables: dict[str, "Table"] = field(default_factory=dict)

    def rows(self, file: str, slug: str) -> dict[str, int]:
        """The row of each language of a principle that a table has; empty for another file."""
        return self.tables[file].rows.get(slug, {}) if file in self.tables else {}

    def cell(self, file: str, slug: str, name: str) -> tuple[int | None, str]:
        """The row and the heading of a principle’s field in its table; None for another file.

        A field of several rows is in the first.
        """
        rows = self.rows(file, slug)
        if not rows:
            return None, ""
        first, _, rest = name.partition(".")
        language, _, part = rest.partition(".")
        column = (part or "language") if first == "texts" else name
        return rows.get(language, min(rows.values())), self.tables[file].heading(column)


def find_control_character(text: str) -> str | None:
    """The first control character that no field allows."""
    found = _CONTROL.search(text)
    return found[0] if found else None


def without_controls(text: str) -> str:
    """A text without the control characters that no field allows."""
    return _CONTROL.sub("", text)


def merged(old: Entry | None, new: Entry) -> Entry:
    """An entry updated with the fields that `new` has; `new` itself where there is no old one."""
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
    """An item of the library as an entry, with the texts of `languages`, or all of them.

    Fields that are None or False are left out.
    """
    from feed.files.models import ENTRIES  # pydantic is slow to load

    kind = {Principle: "principles", Source: "sources", Theme: "themes"}[type(item)]
    model, text_model = ENTRIES[kind]
    fields = {name: getattr(item, name) for name in model.__annotations__}
    entry: Entry = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in fields.items()
        if value is not None and value is not False
    }
    entry["texts"] = {
        language: {name: getattr(text, name) for name in text_model.__annotations__}
        for language, text in item.texts.items()
        if languages is None or language in languages
    }
    return entry
