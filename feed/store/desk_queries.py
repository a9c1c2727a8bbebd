"""Lists of the desk, drafts included: principles with filters and pages, and translation states."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from feed.store import curators
from feed.store.connection import fetch_rows, time_limit
from feed.store.library import SEARCH_SECONDS
from feed.store.search_index import fts_query

PAGE_LENGTH = 50

# `cells` has a row for each text of the working copies: principle, language, state (`outdated`
# included); a missing text has no row. `pending` are the newest revisions that are not wholly in
# the library: they count before it.
_CELLS = """
WITH pending AS MATERIALIZED (
  SELECT r.principle, r.body FROM revisions r WHERE r.applied = 0 AND r.{scope} AND NOT EXISTS
    (SELECT 1 FROM revisions n WHERE n.principle = r.principle AND n.id > r.id)
),
live AS MATERIALIZED (
  SELECT t.principle, t.language, CASE
    WHEN t.state = 'approved' AND t.language <> p.original_language AND t.based_on < o.version
    THEN 'outdated' ELSE t.state END AS state
  FROM texts t JOIN principles p ON p.slug = t.principle
  LEFT JOIN texts o ON o.principle = p.slug AND o.language = p.original_language
  WHERE t.{scope}
),
cells AS MATERIALIZED (
  SELECT principle, language, state FROM live
  WHERE principle NOT IN (SELECT principle FROM pending)
  UNION ALL
  SELECT d.principle, x.key, CASE WHEN x.value ->> 'state' IN ('approved', 'outdated')
    THEN ifnull((SELECT l.state FROM live l WHERE l.principle = d.principle AND l.language = x.key),
      'approved')
    ELSE x.value ->> 'state' END
  FROM pending d, json_each(d.body, '$.texts') x
  WHERE EXISTS (SELECT 1 FROM json_each(x.value) w WHERE w.key <> 'state' AND w.value <> '')
)
"""

CELLS = _CELLS.format(scope="principle IS NOT NULL")
SOME_CELLS = _CELLS.format(scope="principle IN (SELECT value FROM json_each(:slugs))")

# The principles with changes that await an editor's approval.
AWAITING_APPROVAL = """
SELECT principle FROM cells WHERE state = 'review'
UNION SELECT d.principle FROM pending d JOIN principles p ON p.slug = d.principle
WHERE (d.body ->> 'kind', d.body ->> 'source', d.body ->> 'locator', d.body ->> 'original_language')
  <> (p.kind, p.source, p.locator, p.original_language)
OR d.body ->> 'themes' <> (SELECT json_group_array(theme) FROM
  (SELECT theme FROM principle_themes WHERE principle = p.slug ORDER BY position))
"""

# The times of the first and the last save of a principle.
FIRST_SAVED = "(SELECT r.at FROM revisions r WHERE r.principle = p.slug ORDER BY r.id LIMIT 1)"
LAST_SAVED = "(SELECT r.at FROM revisions r WHERE r.principle = p.slug ORDER BY r.id DESC LIMIT 1)"

# The states that are tasks for a translator, the most urgent first.
OPEN_STATES = ("missing", "outdated", "draft")
_STATE = "ifnull(c.state, 'missing')"
# When a text got its state: missing since the principle was created, outdated since the original
# was changed, otherwise since the last save.
_SINCE = (
    f"CASE {_STATE} WHEN 'missing' THEN {FIRST_SAVED}"
    f" WHEN 'outdated' THEN ifnull(o.corrected, p.changed) ELSE {LAST_SAVED} END"
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
_FROM = (
    "FROM principles p"
    " LEFT JOIN texts w ON w.principle = p.slug AND w.language = :shown"
    " LEFT JOIN texts o ON o.principle = p.slug AND o.language = p.original_language"
    " JOIN sources s ON s.slug = p.source"
)
_TITLE = "ifnull(w.title, ifnull(o.title, p.slug))"
_BY_TITLE = f"{_TITLE} COLLATE NOCASE"
# What each column sorts by, and whether that is by_default descending; titles decide after it.
SORTS = {
    "title": (_BY_TITLE, False),
    "changed": (LAST_SAVED, True),
    "status": ("p.status", False),
    "source": ("s.title COLLATE NOCASE", False),
}


@dataclass(frozen=True, slots=True)
class TextState:
    """The state of a principle's text in one language, or `missing`, and since when."""

    slug: str
    language: str
    state: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Task:
    """A text to translate, with the title and language of its original."""

    cell: TextState
    title: str
    original: str


def translation_tasks(
    db: Database,
    languages: Collection[str],
    page: int = 1,
    states: Collection[str] = OPEN_STATES,
) -> tuple[list[Task], int]:
    """A page of PAGE_LENGTH translation tasks in some languages and states, and their number.

    They come in the order of the states, the oldest of each first. Only principles with an approved
    original are included.
    """
    values = {"languages": json.dumps(list(languages)), "open": json.dumps(list(states))}
    rows = db.execute(
        f"{CELLS} SELECT p.slug, l.value, {_STATE} AS stage, {_SINCE} AS since, o.title,"
        f" p.original_language, count(*) OVER () {_TODO} ORDER BY"
        " (SELECT n.key FROM json_each(:open) n WHERE n.value = stage), since, p.slug, l.key"
        " LIMIT :limit OFFSET :offset",
        {**values, "limit": PAGE_LENGTH, "offset": (page - 1) * PAGE_LENGTH},
    )
    found = rows.fetchall()
    return [
        Task(TextState(slug, language, state, datetime.fromisoformat(since)), title, original)
        for slug, language, state, since, title, original, _ in found
    ], found[0][-1] if found else 0


def translation_counts(db: Database, languages: Collection[str]) -> dict[str, dict[str, int]]:
    """The number of principles by language and state, without retired ones."""
    rows = db.execute(
        f"{CELLS} SELECT l.value, {_STATE} AS stage, count(*) {_GRID}"
        " WHERE p.status <> 'retired' GROUP BY l.value, stage",
        {"languages": json.dumps(list(languages))},
    )
    found: dict[str, dict[str, int]] = {language: {} for language in languages}
    for language, state, number in rows:
        found[language][state] = number
    return found


def translation_grid(
    db: Database, slugs: Collection[str], languages: Collection[str]
) -> Mapping[str, Mapping[str, TextState]]:
    """The cells of some principles: by slug, by language."""
    rows = db.execute(
        f"{SOME_CELLS} SELECT p.slug, l.value, {_STATE}, {_SINCE} {_GRID}"
        " WHERE p.slug IN (SELECT value FROM json_each(:slugs))",
        {"languages": json.dumps(list(languages)), "slugs": json.dumps(list(slugs))},
    )
    found: dict[str, dict[str, TextState]] = {slug: {} for slug in slugs}
    for slug, language, state, since in rows:
        cell = TextState(slug, language, state, datetime.fromisoformat(since))
        found[slug][language] = cell
    return found


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter of principles; empty fields match everything.

    `words` are those of a text, of the slug, or of the name of a person who has saved it. `state`
    is that of the text in `language`, or in any language: a state, or `missing`. With `is_waiting`,
    only principles that await approval; with `saved_by`, only those that this person has saved.
    """

    words: str = ""
    status: str = ""
    theme: str = ""
    source: str = ""
    language: str = ""
    state: str = ""
    is_waiting: bool = False
    saved_by: int | None = None


@dataclass(frozen=True, slots=True)
class LibraryRow:
    """A principle in the list.

    `title` is in `language`; `states` are those of its texts, by language. `revision` is the id of
    the newest revision, `by` the name of who saved it, None for an import by the command line.
    """

    slug: str
    title: str
    language: str
    status: str
    source: str
    states: Mapping[str, str]
    changed: datetime
    by: str | None
    is_waiting: bool
    revision: int


def search(
    db: Database,
    query: Filter,
    languages: Collection[str],
    shown: str,
    *,
    sort: str = "title",
    page: int = 1,
) -> tuple[list[LibraryRow], int]:
    """A page of PAGE_LENGTH matching principles, and their total number.

    Titles are in the language `shown`, where there is one. `languages` are those of the site.
    `sort` is a key of SORTS, with a hyphen in front to reverse the usual order.
    """
    where, values = _where(db, query, languages)
    values["shown"] = shown
    key, by_default = SORTS[sort.removeprefix("-")]
    order = f"{key} {'DESC' if sort.startswith('-') != by_default else 'ASC'}, {_BY_TITLE}, p.slug"
    with time_limit(db, SEARCH_SECONDS):
        found = db.execute(
            f"{CELLS} SELECT p.slug, count(*) OVER () {_FROM} WHERE {where}"
            f" ORDER BY {order} LIMIT :limit OFFSET :offset",
            {**values, "limit": PAGE_LENGTH, "offset": (page - 1) * PAGE_LENGTH},
        ).fetchall()
    return rows(db, [slug for slug, _ in found], shown), found[0][1] if found else 0


def slugs(db: Database, query: Filter, languages: Collection[str]) -> list[str]:
    """The slugs of all matching principles, in order."""
    where, values = _where(db, query, languages)
    found = db.execute(
        f"{CELLS} SELECT p.slug {_FROM} WHERE {where} ORDER BY p.slug", {**values, "shown": ""}
    )
    return [slug for (slug,) in found]


def rows(db: Database, chosen: Collection[str], shown: str) -> list[LibraryRow]:
    """The rows of these slugs, in that order."""
    values = {"slugs": json.dumps(list(chosen)), "shown": shown}
    found = {
        row["slug"]: row
        for row in fetch_rows(
            db,
            f"{SOME_CELLS} SELECT p.slug, {_TITLE} AS title, p.status, p.source,"
            " CASE WHEN w.title IS NULL THEN p.original_language ELSE :shown END AS language,"
            " r.at AS changed, c.name AS by, r.id AS revision,"
            f" p.slug IN ({AWAITING_APPROVAL}) AS is_waiting,"
            " (SELECT json_group_object(language, state) FROM cells WHERE principle = p.slug)"
            f" AS states {_FROM} JOIN revisions r ON r.id ="
            " (SELECT max(id) FROM revisions WHERE principle = p.slug)"
            " LEFT JOIN curators c ON c.id = r.curator"
            " WHERE p.slug IN (SELECT value FROM json_each(:slugs))",
            values,
        )
    }
    return [_row(found[slug]) for slug in chosen if slug in found]


def _row(row: dict[str, Any]) -> LibraryRow:
    return LibraryRow(
        **{
            **row,
            "states": json.loads(row["states"]),
            "changed": datetime.fromisoformat(row["changed"]),
            "is_waiting": bool(row["is_waiting"]),
        }
    )


def _where(db: Database, query: Filter, languages: Collection[str]) -> tuple[str, dict[str, Any]]:
    """The SQL condition of a filter, and its parameters."""
    parts = ["1"]
    values: dict[str, Any] = {"languages": json.dumps(list(languages))}
    for name in ("status", "theme", "source", "language", "state"):
        values[name] = getattr(query, name)
    if query.words:
        parts.append(_words_condition(db, query.words, languages, values))
    if query.status:
        parts.append("p.status = :status")
    if query.source:
        parts.append("p.source = :source")
    if query.theme:
        parts.append("p.slug IN (SELECT principle FROM principle_themes WHERE theme = :theme)")
    if query.language or query.state:
        parts.append(_state_condition(query))
    if query.is_waiting:
        parts.append(f"p.slug IN ({AWAITING_APPROVAL})")
    if query.saved_by is not None:
        values["saved_by"] = query.saved_by
        parts.append("p.slug IN (SELECT principle FROM revisions WHERE curator = :saved_by)")
    return " AND ".join(parts), values


def _words_condition(
    db: Database, words: str, languages: Collection[str], values: dict[str, Any]
) -> str:
    """The SQL condition of a search, whose parameters go into `values`."""
    values["slug"] = "-".join(words.casefold().split())
    values["people"] = json.dumps(curators.named(db, words))
    values["words"] = fts_query(words, languages)
    parts = [
        "instr(p.slug, :slug)",
        "p.slug IN (SELECT principle FROM revisions"
        " WHERE curator IN (SELECT value FROM json_each(:people)))",
    ]
    if values["words"]:  # not punctuation only
        parts.append(
            "p.slug IN (SELECT t.principle FROM texts_fts f JOIN texts t ON t.rowid = f.rowid"
            " WHERE texts_fts MATCH :words)"
        )
    return f"({' OR '.join(parts)})"


def _state_condition(query: Filter) -> str:
    """The SQL condition on the state of a text, in one language or any."""
    if query.state == "missing" and query.language:
        return "p.slug NOT IN (SELECT principle FROM cells WHERE language = :language)"
    if query.state == "missing":
        return (
            "p.slug NOT IN (SELECT principle FROM cells"
            " WHERE language IN (SELECT value FROM json_each(:languages))"
            " GROUP BY principle HAVING count(*) = json_array_length(:languages))"
        )
    wanted = [f"{name} = :{name}" for name in ("language", "state") if getattr(query, name)]
    return f"p.slug IN (SELECT principle FROM cells WHERE {' AND '.join(wanted)})"
