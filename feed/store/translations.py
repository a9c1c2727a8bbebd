"""Principles by languages: what is translated, what is missing, and what to do next."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from feed.store.translation_status import BORN, CELLS, SAVED, SOME_CELLS

# What waits for a translator, the most pressing first.
OPEN = ("missing", "outdated", "draft")
_STATE = "ifnull(c.state, 'missing')"
# Since when a text stands as it does: missing since the principle was written, outdated since the
# original was changed, all else since somebody last saved.
_SINCE = (
    f"CASE {_STATE} WHEN 'missing' THEN {BORN}"
    f" WHEN 'outdated' THEN ifnull(o.corrected, p.changed) ELSE {SAVED} END"
)
_GRID = (
    "FROM principles p JOIN json_each(:languages) l"
    " LEFT JOIN cells c ON c.principle = p.slug AND c.language = l.value"
    " LEFT JOIN texts o ON o.principle = p.slug AND o.language = p.original_language"
)
_TODO = (
    f"{_GRID} WHERE p.status <> 'retired' AND l.value <> p.original_language"
    f" AND o.state = 'approved' AND {_STATE} IN (SELECT value FROM json_each(:open))"
)


@dataclass(frozen=True, slots=True)
class Cell:
    """A principle in one language: its state, or `missing`, and since when."""

    slug: str
    language: str
    state: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Task:
    """A text that waits for a translator, with the title of its original."""

    cell: Cell
    title: str
    original: str


def todo(
    db: Database, languages: Collection[str], limit: int, offset: int = 0
) -> tuple[list[Task], int]:
    """A page of what to do next in some languages, and its whole number.

    Missing texts come first, then outdated ones, then drafts, the oldest of each first. Only what
    has an approved original is worth translating.
    """
    values = {"languages": json.dumps(list(languages)), "open": json.dumps(OPEN)}
    rows = db.execute(
        f"{CELLS} SELECT p.slug, l.value, {_STATE} AS stage, {_SINCE} AS since, o.title,"
        f" p.original_language, count(*) OVER () {_TODO} ORDER BY"
        " (SELECT n.key FROM json_each(:open) n WHERE n.value = stage), since, p.slug, l.key"
        " LIMIT :limit OFFSET :offset",
        {**values, "limit": limit, "offset": offset},
    )
    found = rows.fetchall()
    return [
        Task(Cell(slug, language, state, datetime.fromisoformat(since)), title, original)
        for slug, language, state, since, title, original, _ in found
    ], found[0][-1] if found else 0


def counts(db: Database, languages: Collection[str]) -> dict[str, dict[str, int]]:
    """How many principles stand how in each language, the retired ones aside."""
    rows = db.execute(
        f"{CELLS} SELECT l.value, {_STATE} AS stage, count(*) {_GRID}"
        " WHERE p.status <> 'retired' GROUP BY l.value, stage",
        {"languages": json.dumps(list(languages))},
    )
    found: dict[str, dict[str, int]] = {language: {} for language in languages}
    for language, state, number in rows:
        found[language][state] = number
    return found


def grid(
    db: Database, slugs: Collection[str], languages: Collection[str]
) -> Mapping[str, Mapping[str, Cell]]:
    """Where some principles stand: by slug, by language."""
    rows = db.execute(
        f"{SOME_CELLS} SELECT p.slug, l.value, {_STATE}, {_SINCE} {_GRID}"
        " WHERE p.slug IN (SELECT value FROM json_each(:slugs))",
        {"languages": json.dumps(list(languages)), "slugs": json.dumps(list(slugs))},
    )
    found: dict[str, dict[str, Cell]] = {slug: {} for slug in slugs}
    for slug, language, state, since in rows:
        cell = Cell(slug, language, state, datetime.fromisoformat(since))
        found[slug][language] = cell
    return found
