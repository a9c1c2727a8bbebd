"""Queries of principles, sources and themes: by slug, full-text search, counts."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from sqlite_utils import Database

from feed.model import TEXT_FIELDS, Principle, Source, SourceText, Text, Theme, ThemeText
from feed.model.language_tags import lookup
from feed.rotation import Candidate
from feed.store.connection import fetch_rows, instant, time_limit
from feed.store.search_index import fts_query

Row = dict[str, Any]

SEARCH_SECONDS = 2.0  # of processor time
_APPROVED_IN = (
    "EXISTS (SELECT 1 FROM texts w WHERE w.principle = p.slug AND w.language = :{0}"
    " AND w.state = 'approved')"
)
_APPROVED = (
    "EXISTS (SELECT 1 FROM texts o WHERE o.principle = p.slug"
    " AND o.language = p.original_language AND o.state = 'approved')"
)
_LISTED = f"p.status = 'published' AND {_APPROVED}"
_HAS_PAGE = "(p.status <> 'draft' OR EXISTS (SELECT 1 FROM editions e WHERE e.principle = p.slug))"

Vocabulary = Literal["sources", "themes"]  # as in exchange files; the names of the tables, too


@dataclass(frozen=True, slots=True)
class Query:
    """A search of the published library in `language`; empty fields match everything."""

    language: str
    words: str = ""
    theme: str = ""
    source: str = ""
    kind: str = ""
    shortest: int = 0  # characters of the statement
    longest: int | None = None


def is_empty(db: Database) -> bool:
    """Whether the library has no principles."""
    return db.execute("SELECT 1 FROM principles LIMIT 1").fetchone() is None


def principle(db: Database, slug: str) -> Principle | None:
    """The principle with that slug, of any status; None if there is none."""
    return principles(db, [slug]).get(slug)


def principles(db: Database, slugs: Collection[str] | None = None) -> dict[str, Principle]:
    """Principles by slug, ordered by slug: those of `slugs`, or all."""
    rows = fetch_rows(
        db,
        "SELECT *, (SELECT json_group_array(theme) FROM (SELECT theme FROM principle_themes"
        " WHERE principle = slug ORDER BY position)) AS themes"
        f" FROM principles {_in('slug', slugs)} ORDER BY slug",
        _json(slugs),
    )
    texts = _grouped(
        fetch_rows(
            db,
            "SELECT t.*, o.version AS original_version, p.original_language FROM texts t"
            " JOIN principles p ON p.slug = t.principle LEFT JOIN texts o"
            " ON o.principle = t.principle AND o.language = p.original_language"
            f" {_in('t.principle', slugs)}"
            " ORDER BY t.language <> p.original_language, t.language",
            _json(slugs),
        ),
        "principle",
    )
    return {row["slug"]: _principle(row, texts.get(row["slug"], [])) for row in rows}


def search(db: Database, query: Query, limit: int, offset: int) -> tuple[list[Principle], int]:
    """A page of the matching published principles, by rank or title, and the total number."""
    where = [_LISTED]
    words = fts_query(query.words, [query.language])
    languages = {f"language{n}": code for n, code in enumerate(lookup(query.language))}
    values: dict[str, Any] = {**languages, "words": words}
    order = "t.title COLLATE NOCASE, p.slug"
    matching = "principles p JOIN texts t ON t.principle = p.slug"
    shown = " ".join(f"WHEN {_APPROVED_IN.format(name)} THEN :{name}" for name in languages)
    where.append(f"t.language = CASE {shown} ELSE p.original_language END")
    if query.words and not words:  # punctuation only
        return [], 0
    if query.words:
        matching += " JOIN texts_fts f ON f.rowid = t.rowid"
        where.append("texts_fts MATCH :words")
        order = "f.rank, p.slug"
    if query.theme:
        values["theme"] = query.theme
        where.append(
            "EXISTS (SELECT 1 FROM principle_themes x"
            " WHERE x.principle = p.slug AND x.theme = :theme)"
        )
    if query.source:
        values["source"] = query.source
        where.append("p.source = :source")
    if query.kind:
        values["kind"] = query.kind
        where.append("p.kind = :kind")
    if query.shortest or query.longest is not None:
        values |= {"shortest": query.shortest, "longest": query.longest}
        where.append("length(t.statement) BETWEEN :shortest AND ifnull(:longest, 1e9)")
    condition = f"FROM {matching} WHERE {' AND '.join(where)}"
    with time_limit(db, SEARCH_SECONDS):
        total = db.execute(f"SELECT count(*) {condition}", values).fetchone()[0]
        page = db.execute(
            f"SELECT p.slug {condition} ORDER BY {order} LIMIT :limit OFFSET :offset",
            {**values, "limit": limit, "offset": offset},
        )
        slugs = [slug for (slug,) in page]
    found = principles(db, slugs)
    return [found[slug] for slug in slugs], total


def candidates(
    db: Database, complete_in: Collection[str], drafts: Collection[str] | None = None
) -> list[Candidate]:
    """The principles eligible for rotation: published, and approved in their original language.

    They are also approved in every language of `complete_in`. With `drafts`, slugs, those among
    them that would be eligible if they were published.
    """
    is_draft = "p.status <> 'published' AND p.slug IN (SELECT value FROM json_each(:drafts))"
    listed = _LISTED if drafts is None else f"{is_draft} AND {_APPROVED}"
    rows = db.execute(
        "SELECT p.slug, p.source, group_concat(x.theme) AS themes FROM principles p"
        f" LEFT JOIN principle_themes x ON x.principle = p.slug WHERE {listed}"
        " AND NOT EXISTS (SELECT 1 FROM json_each(:languages) l WHERE NOT EXISTS"
        " (SELECT 1 FROM texts c WHERE c.principle = p.slug"
        " AND c.language = l.value AND c.state = 'approved'))"
        " GROUP BY p.slug ORDER BY p.slug",
        {"languages": json.dumps(list(complete_in)), "drafts": json.dumps(list(drafts or ()))},
    )
    return [Candidate(slug, source, theme_set(themes)) for slug, source, themes in rows]


@lru_cache(maxsize=1_000)  # a large library has few combinations
def theme_set(slugs: str | None) -> frozenset[str]:
    """A set of slugs from the result of `group_concat`."""
    return frozenset((slugs or "").split(",")) - {""}


def listed(db: Database) -> list[str]:
    """The slugs of all published principles, in order."""
    rows = db.execute(f"SELECT slug FROM principles p WHERE {_LISTED} ORDER BY slug")
    return [slug for (slug,) in rows]


def text_languages(db: Database) -> dict[str, set[str]]:
    """The languages in which each principle has a text of its own, as `Principle.languages`."""
    found: dict[str, set[str]] = {}
    rows = db.execute(
        "SELECT principle, language FROM texts WHERE state = 'approved'"
        " UNION SELECT slug, original_language FROM principles"
    )
    for slug, language in rows:
        found.setdefault(slug, set()).add(language)
    return found


def titles(db: Database) -> list[tuple[str, str, str]]:
    """The title of every text of every principle, as slug, language and title, by slug."""
    rows = db.execute("SELECT principle, language, title FROM texts ORDER BY principle")
    return [(slug, language, title) for slug, language, title in rows]


def passages(
    db: Database, language: str, bounds: Mapping[str, tuple[int, int]], except_slug: str
) -> dict[str, dict[str, str]]:
    """Passages of all texts in a language: by field (title, statement …), then by slug.

    `bounds` has the least and most characters for each field; texts of `except_slug` are left out.
    """
    if unknown := set(bounds) - set(TEXT_FIELDS):
        raise ValueError(f"a text has no {unknown}")
    if not bounds:
        return {}
    found: dict[str, dict[str, str]] = {part: {} for part in bounds}
    rows = db.execute(
        f"SELECT principle, {', '.join(bounds)} FROM texts WHERE language = ? AND principle <> ?",
        [language, except_slug],
    )
    for slug, *parts in rows:
        for (part, (least, most)), text in zip(bounds.items(), parts, strict=True):
            if least <= len(text) <= most:
                found[part][slug] = text
    return found


def theme_counts(db: Database) -> dict[str, int]:
    """The number of published principles of each theme."""
    rows = db.execute(
        "SELECT x.theme, count(*) FROM principle_themes x JOIN principles p ON p.slug = x.principle"
        f" WHERE {_LISTED} GROUP BY x.theme"
    )
    return dict(rows.fetchall())


def source_counts(db: Database) -> dict[str, int]:
    """The number of published principles of each source."""
    rows = db.execute(f"SELECT source, count(*) FROM principles p WHERE {_LISTED} GROUP BY source")
    return dict(rows.fetchall())


def language_counts(db: Database) -> dict[str, int]:
    """The number of published principles with an approved text, by language."""
    rows = db.execute(
        "SELECT t.language, count(*) FROM texts t JOIN principles p ON p.slug = t.principle"
        f" WHERE t.state = 'approved' AND {_LISTED} GROUP BY t.language"
    )
    return dict(rows.fetchall())


def themes(db: Database, slugs: Collection[str] | None = None) -> dict[str, Theme]:
    """Themes by slug, ordered by slug: those of `slugs`, or all; merged ones have no entry."""
    rows = fetch_rows(
        db,
        "SELECT t.*, language, name, description FROM themes t LEFT JOIN theme_texts x"
        f" ON x.theme = slug WHERE merged_into IS NULL {_in('slug', slugs, 'AND')}"
        " ORDER BY slug, x.rowid",
        _json(slugs),
    )
    return {slug: _theme(texts) for slug, texts in _grouped(rows, "slug").items()}


def public_themes(db: Database) -> dict[str, Theme]:
    """All themes but the retired ones that no public principle has."""
    rows = db.execute(
        "SELECT slug FROM themes t WHERE retired IS NULL OR EXISTS (SELECT 1 FROM principle_themes"
        f" x JOIN principles p ON p.slug = x.principle WHERE x.theme = t.slug AND {_HAS_PAGE})"
    )
    return themes(db, [slug for (slug,) in rows])


def sources(db: Database, slugs: Collection[str] | None = None) -> dict[str, Source]:
    """Sources by slug, ordered by slug: those of `slugs`, or all; merged ones have no entry."""
    rows = fetch_rows(
        db,
        "SELECT s.*, x.language AS text_language, introduction, rights FROM sources s"
        " LEFT JOIN source_texts x ON x.source = slug WHERE merged_into IS NULL"
        f" {_in('slug', slugs, 'AND')} ORDER BY slug, x.rowid",
        _json(slugs),
    )
    return {slug: _source(texts) for slug, texts in _grouped(rows, "slug").items()}


def public_sources(db: Database) -> dict[str, Source]:
    """The sources of principles that have a page or an edition."""
    rows = db.execute(f"SELECT DISTINCT source FROM principles p WHERE {_HAS_PAGE}")
    return sources(db, [slug for (slug,) in rows])


def merged(db: Database, kind: Vocabulary) -> dict[str, str]:
    """The slugs of merged sources or themes, each with the one that it stands for now."""
    rows = db.execute(f"SELECT slug, merged_into FROM {kind} WHERE merged_into IS NOT NULL")
    return dict(rows.fetchall())


def current_slug(db: Database, kind: Vocabulary, slug: str) -> str:
    """The slug that a source or theme has after merges; the same where there is none."""
    return merged(db, kind).get(slug, slug)


def _principle(row: Row, texts: list[Row]) -> Principle:
    return Principle(
        slug=row["slug"],
        kind=row["kind"],
        source=row["source"],
        themes=tuple(json.loads(row["themes"])),
        original_language=row["original_language"],
        locator=row["locator"],
        status=row["status"],
        texts={text["language"]: _text(text) for text in texts},
        corrected=instant(row["corrected"]),
        notes=row["notes"],
    )


def _text(row: Row) -> Text:
    state = row["state"]
    translation = row["language"] != row["original_language"]
    if state == "approved" and translation and row["based_on"] < (row["original_version"] or 0):
        state = "outdated"
    parts = {name: row[name] for name in TEXT_FIELDS}
    return Text(row["language"], **parts, state=state, corrected=instant(row["corrected"]))


def _theme(rows: list[Row]) -> Theme:
    row = rows[0]
    return Theme(
        row["slug"],
        {
            each["language"]: ThemeText(each["name"], each["description"])
            for each in rows
            if each["language"]
        },
        corrected=instant(row["corrected"]),
        retired=row["retired"] is not None,
    )


def _source(rows: list[Row]) -> Source:
    row = rows[0]
    return Source(
        slug=row["slug"],
        title=row["title"],
        language=row["language"],
        author=row["author"],
        publisher=row["publisher"],
        year=row["year"],
        url=row["url"],
        texts={
            each["text_language"]: SourceText(each["introduction"], each["rights"])
            for each in rows
            if each["text_language"]
        },
        corrected=instant(row["corrected"]),
        retired=row["retired"] is not None,
    )


def _grouped(rows: Iterable[Row], key: str) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[key], []).append(row)
    return groups


def _in(column: str, values: Collection[str] | None, start: str = "WHERE") -> str:
    return "" if values is None else f"{start} {column} IN (SELECT value FROM json_each(:values))"


def _json(values: Collection[str] | None) -> dict[str, str]:
    return {} if values is None else {"values": json.dumps(list(values))}
