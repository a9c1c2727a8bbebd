"""Revisions: the history of each principle."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from feed.files import Entry
from feed.store.connection import fetch_rows, stamp

Row = dict[str, Any]
_SELECT = (
    "SELECT r.*, c.name AS curator_name FROM revisions r LEFT JOIN curators c ON c.id = r.curator"
)


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision: the complete principle, and the action that saved it.

    `is_applied` is false where some of it is not in the library: pending approval, or unfinished.
    `curator` (an id) and `by` (a name) are None for an import by the command line.
    """

    id: int
    principle: str
    at: datetime
    origin: str
    action: str
    is_applied: bool
    is_minor: bool
    entry: Entry
    curator: int | None
    by: str | None
    reason: str | None


def add(
    db: Database,
    entry: Entry,
    now: datetime,
    *,
    origin: str,
    curator: int | None = None,
    action: str = "save",
    applied: bool = True,
    typo: bool = False,
    reason: str | None = None,
    form: str | None = None,
) -> int:
    """Add a revision of a principle that is in the library; returns its id.

    `origin` is import or desk; `form` identifies the form that a new principle was submitted with.
    """
    cursor = db.execute(
        "INSERT INTO revisions"
        " (principle, at, origin, body, curator, action, applied, typo, reason, form)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            *(entry["slug"], stamp(now), origin, json.dumps(entry, ensure_ascii=False)),
            *(curator, action, int(applied), int(typo), reason, form),
        ],
    )
    assert cursor.lastrowid is not None  # noqa: S101 – an INSERT has one
    return cursor.lastrowid


def newest(db: Database, slug: str) -> Revision | None:
    """The newest revision of a principle; None without any."""
    return _one(db, "WHERE r.principle = ? ORDER BY r.id DESC LIMIT 1", slug)


def newest_id(db: Database, slug: str) -> int:
    """The id of the newest revision of a principle; 0 without any."""
    found = db.execute("SELECT max(id) FROM revisions WHERE principle = ?", [slug]).fetchone()
    return found[0] or 0


def by_id(db: Database, number: int) -> Revision | None:
    """A revision by its id."""
    return _one(db, "WHERE r.id = ?", number)


def by_form(db: Database, form: str) -> Revision | None:
    """The first revision of the principle that was submitted with a form."""
    return _one(db, "WHERE r.form = ?", form)


def history(db: Database, slug: str) -> list[Revision]:
    """All revisions of a principle, newest first."""
    rows = fetch_rows(db, f"{_SELECT} WHERE r.principle = ? ORDER BY r.id DESC", [slug])
    return [_revision(row) for row in rows]


def last_approved(db: Database, slug: str) -> Entry | None:
    """A principle as of its newest revision with an approved original; None without such."""
    row = db.execute(
        "SELECT body FROM revisions WHERE principle = ? AND json_extract(body,"
        " '$.texts.\"' || json_extract(body, '$.original_language') || '\".state') = 'approved'"
        " ORDER BY id DESC LIMIT 1",
        [slug],
    ).fetchone()
    return json.loads(row[0]) if row else None


def unapplied(db: Database) -> dict[str, Revision]:
    """The newest revisions that are not wholly in the library, by slug, oldest first."""
    rows = fetch_rows(
        db,
        f"{_SELECT} WHERE r.id IN (SELECT max(id) FROM revisions GROUP BY principle)"
        " AND NOT r.applied ORDER BY r.id",
    )
    return {row["principle"]: _revision(row) for row in rows}


def last_origin(db: Database, slug: str) -> str | None:
    """The origin of a principle's newest revision: import, desk, or None."""
    row = db.execute(
        "SELECT origin FROM revisions WHERE principle = ? ORDER BY id DESC LIMIT 1", [slug]
    ).fetchone()
    return row[0] if row else None


def _one(db: Database, where: str, value: object) -> Revision | None:
    row = next(iter(fetch_rows(db, f"{_SELECT} {where}", [value])), None)
    return _revision(row) if row else None


def _revision(row: Row) -> Revision:
    return Revision(
        id=row["id"],
        principle=row["principle"],
        at=datetime.fromisoformat(row["at"]),
        origin=row["origin"],
        action=row["action"],
        is_applied=bool(row["applied"]),
        is_minor=bool(row["typo"]),
        entry=json.loads(row["body"]),
        curator=row["curator"],
        by=row["curator_name"],
        reason=row["reason"],
    )
