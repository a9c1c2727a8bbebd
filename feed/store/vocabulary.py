"""Sources and themes at the desk: their revisions, their use, retirement and merging."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlite_utils import Database

from feed.files import Entry
from feed.store import changes, revisions
from feed.store.connection import fetch_rows, stamp
from feed.store.library import Vocabulary

Action = Literal["import", "save", "restore", "retire", "offer", "merge"]


@dataclass(frozen=True, slots=True)
class VocabularyRevision:
    """One revision of a source or theme: the complete entry, and the action that saved it.

    `by` is a name, None for the command line; `note` names the source or theme merged into it.
    """

    id: int
    slug: str
    at: datetime
    action: Action
    entry: Entry
    by: str | None
    note: str | None


def add_revision(
    db: Database,
    kind: Vocabulary,
    entry: Entry,
    now: datetime,
    *,
    action: Action,
    curator: int | None = None,
    note: str | None = None,
) -> None:
    """Add a revision of a source or theme."""
    db.execute(
        "INSERT INTO vocabulary_revisions (kind, slug, at, curator, action, body, note)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            *(kind, entry["slug"], stamp(now), curator, action),
            *(json.dumps(entry, ensure_ascii=False), note),
        ],
    )


def history(db: Database, kind: Vocabulary, slug: str) -> list[VocabularyRevision]:
    """All revisions of a source or theme, newest first."""
    rows = fetch_rows(
        db,
        "SELECT r.*, c.name AS by FROM vocabulary_revisions r LEFT JOIN curators c"
        " ON c.id = r.curator WHERE r.kind = ? AND r.slug = ? ORDER BY r.id DESC",
        [kind, slug],
    )
    return [
        VocabularyRevision(
            id=row["id"],
            slug=row["slug"],
            at=datetime.fromisoformat(row["at"]),
            action=row["action"],
            entry=json.loads(row["body"]),
            by=row["by"],
            note=row["note"],
        )
        for row in rows
    ]


def edited_at_desk(db: Database, kind: Vocabulary) -> set[str]:
    """The slugs of sources or themes whose newest revision is not an import."""
    rows = db.execute(
        "SELECT slug FROM vocabulary_revisions WHERE action <> 'import' AND id IN"
        " (SELECT max(id) FROM vocabulary_revisions WHERE kind = ? GROUP BY slug)",
        [kind],
    )
    return {slug for (slug,) in rows}


def changed(db: Database, kind: Vocabulary, slug: str) -> datetime:
    """The time of the last change of a source or theme that exists."""
    (text,) = db.execute(f"SELECT changed FROM {kind} WHERE slug = ?", [slug]).fetchone()
    return datetime.fromisoformat(text)


def uses(db: Database, kind: Vocabulary) -> dict[str, int]:
    """The number of principles of any status that have each source or theme."""
    query = "SELECT source, count(*) FROM principles GROUP BY source"
    if kind == "themes":
        query = "SELECT theme, count(*) FROM principle_themes GROUP BY theme"
    return dict(db.execute(query).fetchall())


def quotes(db: Database) -> dict[str, int]:
    """The number of quotes from each source, without retired ones."""
    rows = db.execute(
        "SELECT source, count(*) FROM principles WHERE kind = 'quote' AND status <> 'retired'"
        " GROUP BY source"
    )
    return dict(rows.fetchall())


def retire(db: Database, kind: Vocabulary, slug: str, at: datetime | None) -> None:
    """Retire a source or theme; with None, offer it again."""
    db.execute(f"UPDATE {kind} SET retired = ? WHERE slug = ?", [at and stamp(at), slug])


def principles_with(db: Database, kind: Vocabulary, slug: str) -> dict[str, int]:
    """The principles that have a source or theme, in public or pending: slug to revision id."""
    has_it = "p.source = :slug OR r.body ->> 'source' = :slug"
    if kind == "themes":
        has_it = (
            "EXISTS (SELECT 1 FROM principle_themes x WHERE x.principle = p.slug AND theme = :slug)"
            " OR EXISTS (SELECT 1 FROM json_each(r.body, '$.themes') t WHERE t.value = :slug)"
        )
    rows = db.execute(
        "SELECT p.slug, ifnull(r.id, 0) FROM principles p LEFT JOIN revisions r ON r.id ="
        f" (SELECT max(id) FROM revisions WHERE principle = p.slug) WHERE {has_it} ORDER BY p.slug",
        {"slug": slug},
    )
    return dict(rows.fetchall())


def merge(
    db: Database, kind: Vocabulary, slug: str, target: str, now: datetime, curator: int | None
) -> None:
    """Move every principle from one source or theme to another; the first slug stands for it then.

    Each principle that moves has a revision, and counts as corrected.
    """
    moving = principles_with(db, kind, slug)
    at = {"slug": slug, "target": target, "now": stamp(now)}
    move = _move_source if kind == "sources" else _move_theme
    (changes.correct_source if kind == "sources" else changes.correct_theme)(db, slug, now)
    move(db, at)
    db.execute(f"UPDATE {kind} SET merged_into = :target WHERE :slug IN (slug, merged_into)", at)
    for number in moving.values():
        step = revisions.by_id(db, number)
        if step is not None:
            revisions.add(
                db,
                renamed(kind, step.entry, {slug: target}),
                now,
                origin="desk",
                curator=curator,
                action="merge",
                applied=step.is_applied,
            )


def renamed(kind: Vocabulary, entry: Entry, slugs: Mapping[str, str]) -> Entry:
    """A principle whose source or themes have the new slugs, given by the old ones."""
    if kind == "sources" and "source" in entry:
        return {**entry, "source": slugs.get(entry["source"], entry["source"])}
    if kind == "themes" and "themes" in entry:
        themes = [slugs.get(theme, theme) for theme in entry["themes"]]
        return {**entry, "themes": list(dict.fromkeys(themes))}
    return entry


def _move_source(db: Database, at: dict[str, str]) -> None:
    db.execute(
        "UPDATE principles SET source = :target, changed = :now, corrected = :now"
        " WHERE source = :slug",
        at,
    )


def _move_theme(db: Database, at: dict[str, str]) -> None:
    db.execute(
        "UPDATE principles SET changed = :now, corrected = :now WHERE slug IN"
        " (SELECT principle FROM principle_themes WHERE theme = :slug)",
        at,
    )
    db.execute(
        "DELETE FROM principle_themes WHERE theme = :slug AND principle IN"
        " (SELECT principle FROM principle_themes WHERE theme = :target)",
        at,
    )
    db.execute("UPDATE principle_themes SET theme = :target WHERE theme = :slug", at)
