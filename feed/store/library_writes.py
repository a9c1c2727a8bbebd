"""INSERT and UPDATE of principles, sources and themes, from complete exchange entries."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from feed.files import Entry
from feed.model import SHOWABLE, TEXT_FIELDS
from feed.store import changes
from feed.store.connection import fetch_rows, stamp

Row = dict[str, Any]
SHARED = ""  # in place of a language: the fields of a principle that are not text
_SIGNIFICANT = ("kind", "source", "themes")
_VISIBLE = (*_SIGNIFICANT, "locator", "original_language")


def put_theme(db: Database, entry: Entry, now: datetime, *, minor: bool = False) -> None:
    """Add or replace a theme; another name counts as a correction unless it is minor."""
    slug, texts = entry["slug"], entry["texts"]
    names = {language: text["name"] for language, text in texts.items()}
    old = dict(db.execute("SELECT language, name FROM theme_texts WHERE theme = ?", [slug]))
    db.execute(
        "INSERT INTO themes (slug, changed) VALUES (:slug, :now)"
        " ON CONFLICT (slug) DO UPDATE SET changed = :now,"
        " corrected = CASE WHEN :is_renamed THEN :now ELSE corrected END",
        {"slug": slug, "now": stamp(now), "is_renamed": names != old and not minor},
    )
    db.execute("DELETE FROM theme_texts WHERE theme = ?", [slug])
    for language, name in names.items():
        description = texts[language].get("description", "")
        db.execute(
            "INSERT INTO theme_texts VALUES (?, ?, ?, ?)", [slug, language, name, description]
        )
    if names != old:
        changes.correct_theme(db, slug, now)


def put_source(db: Database, entry: Entry, now: datetime, *, minor: bool = False) -> None:
    """Add or replace a source; replacing counts as a correction unless it is minor."""
    fields = ("slug", "title", "language", "author", "publisher", "year", "url")
    db.execute(
        "INSERT INTO sources (slug, title, language, author, publisher, year, url, changed)"
        " VALUES (:slug, :title, :language, :author, :publisher, :year, :url, :now)"
        " ON CONFLICT (slug) DO UPDATE SET title = excluded.title, language = excluded.language,"
        " author = excluded.author, publisher = excluded.publisher, year = excluded.year,"
        " url = excluded.url, changed = :now,"
        " corrected = CASE WHEN :minor THEN corrected ELSE :now END",
        {name: entry.get(name) or None for name in fields} | {"now": stamp(now), "minor": minor},
    )
    db.execute("DELETE FROM source_texts WHERE source = ?", [entry["slug"]])
    for language, text in entry["texts"].items():
        db.execute(
            "INSERT INTO source_texts VALUES (?, ?, ?, ?)",
            [entry["slug"], language, text.get("introduction", ""), text.get("rights", "")],
        )
    changes.correct_source(db, entry["slug"], now)


def put_principle(
    db: Database,
    entry: Entry,
    old: Entry | None,
    now: datetime,
    *,
    minor_parts: Collection[str] = (),
    renewed: Collection[str] = (),
) -> None:
    """Add a principle, or replace `old`.

    A change counts as a correction, and makes translations of a changed original outdated, unless
    `minor_parts` has the text’s language (SHARED for the other fields). Translations in `renewed`
    are current with the original as it is now, changed or not.
    """
    significant = (
        bool(old) and SHARED not in minor_parts and _differs(entry, old or {}, _SIGNIFICANT)
    )
    db.execute(
        "INSERT INTO principles"
        " (slug, kind, source, locator, status, original_language, changed, notes)"
        " VALUES (:slug, :kind, :source, :locator, :status, :original_language, :now, :notes)"
        " ON CONFLICT (slug) DO UPDATE SET kind = excluded.kind, source = excluded.source,"
        " locator = excluded.locator, status = excluded.status,"
        " original_language = excluded.original_language, notes = excluded.notes, changed = :now,"
        " corrected = CASE WHEN :significant THEN :now ELSE corrected END",
        {
            **{k: entry[k] for k in ("slug", "kind", "source", "status", "original_language")},
            "locator": entry.get("locator", ""),
            "notes": entry.get("notes", ""),
            "significant": significant,
            "now": stamp(now),
        },
    )
    db.execute("DELETE FROM principle_themes WHERE principle = ?", [entry["slug"]])
    for position, theme in enumerate(entry["themes"]):
        db.execute(
            "INSERT INTO principle_themes VALUES (?, ?, ?)", [entry["slug"], position, theme]
        )
    _put_texts(db, entry, old, now, minor_parts, renewed)
    if old and (_differs(entry, old, _VISIBLE) or _shown(entry) != _shown(old)):
        changes.correct_principle(db, entry["slug"], now)


def _shown(entry: Entry) -> dict[str, dict[str, str]]:
    """The texts that readers can see, by language."""
    return {
        language: {name: text.get(name, "") for name in TEXT_FIELDS}
        for language, text in entry["texts"].items()
        if text["state"] in SHOWABLE
    }


def _put_texts(
    db: Database,
    entry: Entry,
    old: Entry | None,
    now: datetime,
    minor_parts: Collection[str],
    renewed: Collection[str],
) -> None:
    original = entry["original_language"]
    stored = {
        row["language"]: row
        for row in fetch_rows(db, "SELECT * FROM texts WHERE principle = ?", [entry["slug"]])
    }
    version = 0
    # The original first: its version is what the translations are based on.
    for language in sorted(entry["texts"], key=lambda code: code != original):
        text, before = entry["texts"][language], stored.get(language)
        is_minor = language in minor_parts
        row = _text_row(text, before, now, first=old is None, minor=is_minor)
        if language == original:
            version = row["version"]
        current = language in renewed and text["state"] == "approved"
        row["based_on"] = version if current else _based_on(text, before, version)
        if before is None or any(before[name] != value for name, value in row.items()):
            _put_text(db, {"principle": entry["slug"], "language": language, **row})


def _text_row(text: Entry, before: Row | None, now: datetime, *, first: bool, minor: bool) -> Row:
    row: Row = {name: text.get(name, "") for name in TEXT_FIELDS}
    row["state"] = "approved" if text["state"] == "outdated" else text["state"]
    was_shown = before is not None and before["state"] == "approved"
    is_shown = row["state"] == "approved"
    rewritten = before is not None and not minor and _differs(row, before, TEXT_FIELDS)
    # Only approved texts are public: appearing and disappearing are corrections, too.
    visible = was_shown != is_shown or (rewritten and is_shown)
    corrected = before["corrected"] if before else None
    version = before["version"] if before else 1
    return {
        **row,
        "version": version + rewritten,
        "corrected": stamp(now) if visible and not first else corrected,
    }


def _based_on(text: Entry, before: Row | None, version: int) -> int:
    """The version of the original that this text is now a translation of."""
    if text["state"] == "outdated":
        return version - 1 if before is None else min(before["based_on"], version - 1)
    if before is None or _differs(text, before, TEXT_FIELDS) or text["state"] != before["state"]:
        return version
    return int(before["based_on"])


def _put_text(db: Database, row: Row) -> None:
    columns = ", ".join(row)
    values = ", ".join(f":{name}" for name in row)
    changes = ", ".join(f"{name} = excluded.{name}" for name in row)
    db.execute(
        f"INSERT INTO texts ({columns}) VALUES ({values})"
        f" ON CONFLICT (principle, language) DO UPDATE SET {changes}",
        row,
    )


def _differs(new: Entry, old: Entry, names: tuple[str, ...]) -> bool:
    return any(new.get(name, "") != old.get(name, "") for name in names)
