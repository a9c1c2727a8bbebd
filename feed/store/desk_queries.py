"""The list of principles at the desk, drafts included: filtered, sorted and paged."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from feed.store.connection import fetch_rows
from feed.store.library import fts
from feed.store.translations import AWAITING_APPROVAL, CELLS, LAST_SAVED, SOME_CELLS

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
class Filter:
    """A filter of principles; empty fields match everything.

    `state` is that of the text in `language`, or in any language: a state, or `missing`. With
    `is_waiting`, only principles that await approval.
    """

    words: str = ""
    status: str = ""
    theme: str = ""
    source: str = ""
    language: str = ""
    state: str = ""
    is_waiting: bool = False


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
    descending: bool = False,
    limit: int,
    offset: int = 0,
) -> tuple[list[LibraryRow], int]:
    """A page of the matching principles, and their total number.

    Titles are in the language `shown`, where there is one. `languages` are those of the site.
    `sort` is a key of SORTS; `descending` reverses the usual order.
    """
    where, values = _where(query, languages)
    values["shown"] = shown
    key, by_default = SORTS[sort]
    order = f"{key} {'DESC' if descending != by_default else 'ASC'}, {_BY_TITLE}, p.slug"
    found = db.execute(
        f"{CELLS} SELECT p.slug, count(*) OVER () {_FROM} WHERE {where}"
        f" ORDER BY {order} LIMIT :limit OFFSET :offset",
        {**values, "limit": limit, "offset": offset},
    ).fetchall()
    return rows(db, [slug for slug, _ in found], shown), found[0][1] if found else 0


def slugs(db: Database, query: Filter, languages: Collection[str]) -> list[str]:
    """The slugs of all matching principles, in order."""
    where, values = _where(query, languages)
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


def _where(query: Filter, languages: Collection[str]) -> tuple[str, dict[str, Any]]:
    """The SQL condition of a filter, and its parameters."""
    parts = ["1"]
    values: dict[str, Any] = {"languages": json.dumps(list(languages))}
    for name in ("status", "theme", "source", "language", "state"):
        values[name] = getattr(query, name)
    if query.words:
        values["words"] = fts(query.words)
        parts.append(
            "p.slug IN (SELECT t.principle FROM texts_fts f JOIN texts t ON t.rowid = f.rowid"
            " WHERE texts_fts MATCH :words)"
            if values["words"]
            else "0"  # punctuation only
        )
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
    return " AND ".join(parts), values


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
