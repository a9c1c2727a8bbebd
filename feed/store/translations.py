"""Translation status: the state of each text in each language, and the tasks of translators."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

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


@dataclass(frozen=True, slots=True)
class Cell:
    """The state of a principle's text in one language, or `missing`, and since when."""

    slug: str
    language: str
    state: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Task:
    """A text to translate, with the title and language of its original."""

    cell: Cell
    title: str
    original: str


def todo(
    db: Database, languages: Collection[str], limit: int, offset: int = 0
) -> tuple[list[Task], int]:
    """A page of the translation tasks in some languages, and their total number.

    Missing texts come first, then outdated ones, then drafts, the oldest of each first. Only
    principles with an approved original are included.
    """
    values = {"languages": json.dumps(list(languages)), "open": json.dumps(OPEN_STATES)}
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


def grid(
    db: Database, slugs: Collection[str], languages: Collection[str]
) -> Mapping[str, Mapping[str, Cell]]:
    """The cells of some principles: by slug, by language."""
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
