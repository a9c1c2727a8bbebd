"""Entries as values: the shape of the JSON format, made from the library and merged into it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from feed.files.fields import KINDS_OF_ENTRY
from feed.model import TEXT_FIELDS, Principle, Source, Theme

Entry = dict[str, Any]
PRINCIPLE_COLUMNS = (
    *("slug", "kind", "source", "locator", "themes", "status", "original_language", "notes"),
)
COLUMNS = (*PRINCIPLE_COLUMNS, "language", *TEXT_FIELDS, "state")


@dataclass(frozen=True)
class Exchange:
    """Entries by slug, in the order of their files, each with the file it came from.

    `rows` has the rows of a table that a principle came from, by its slug.
    """

    themes: dict[str, Entry] = field(default_factory=dict)
    sources: dict[str, Entry] = field(default_factory=dict)
    principles: dict[str, Entry] = field(default_factory=dict)
    files: dict[tuple[str, str], str] = field(default_factory=dict)
    rows: dict[str, list[int]] = field(default_factory=dict)


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
    checks, text_checks = KINDS_OF_ENTRY[kind]
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
