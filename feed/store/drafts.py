"""Drafts: the unsaved text of forms at the desk, by the person who typed it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from feed.store.connection import fetch_rows, stamp

Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Draft:
    """A form as typed: names and values in their order; `path` is the page with the form."""

    id: int
    curator: int
    page: str
    path: str
    fields: tuple[tuple[str, str], ...]
    at: datetime

    @property
    def digest(self) -> str:
        """A hash of the fields."""
        return digest_of(self.fields)


def digest_of(fields: Fields) -> str:
    """A hash of a form's names and values."""
    return hashlib.sha256(json.dumps(list(fields)).encode()).hexdigest()[:32]


def put(db: Database, curator: int, page: str, path: str, fields: Fields, now: datetime) -> Draft:
    """Add the draft of a page, or replace it; a discarded one is open again."""
    body = json.dumps(fields, ensure_ascii=False)
    db.execute(
        "INSERT INTO drafts (curator, page, path, fields, at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (curator, page) DO UPDATE SET fields = excluded.fields, at = excluded.at,"
        " discarded = NULL",
        [curator, page, path, body, stamp(now)],
    )
    (row,) = fetch_rows(db, "SELECT * FROM drafts WHERE curator = ? AND page = ?", [curator, page])
    return _draft(row)


def move(db: Database, number: int, page: str) -> None:
    """Make a draft that of another page, unless that has one."""
    db.execute("UPDATE OR IGNORE drafts SET page = ? WHERE id = ?", [page, number])


def get(db: Database, number: int, curator: int) -> Draft | None:
    """A person's draft by its id; None if it is another's, discarded, or deleted."""
    query = "SELECT * FROM drafts WHERE id = ? AND curator = ? AND discarded IS NULL"
    return next(map(_draft, fetch_rows(db, query, [number, curator])), None)


def of_curator(db: Database, curator: int, path: str | None = None) -> list[Draft]:
    """A person's drafts, newest first; with `path`, those of one page."""
    query = (
        "SELECT * FROM drafts WHERE curator = :curator AND discarded IS NULL"
        " AND (:path IS NULL OR path = :path) ORDER BY at DESC, id DESC"
    )
    return [_draft(row) for row in fetch_rows(db, query, {"curator": curator, "path": path})]


def set_discarded(db: Database, number: int, curator: int, at: datetime | None) -> None:
    """Discard a person's draft, or with None open it again."""
    db.execute(
        "UPDATE drafts SET discarded = ? WHERE id = ? AND curator = ?",
        [stamp(at) if at else None, number, curator],
    )


def remove(db: Database, curator: int, page: str) -> None:
    """Delete the draft of a page, if there is one."""
    db.execute("DELETE FROM drafts WHERE curator = ? AND page = ?", [curator, page])


def keep_newest(db: Database, curator: int, most: int) -> None:
    """Delete a person's oldest drafts beyond a number."""
    db.execute(
        "DELETE FROM drafts WHERE curator = :curator AND id NOT IN"
        " (SELECT id FROM drafts WHERE curator = :curator ORDER BY at DESC, id DESC LIMIT :most)",
        {"curator": curator, "most": most},
    )


def delete_older(db: Database, before: datetime) -> None:
    """Delete drafts last changed before an instant."""
    db.execute("DELETE FROM drafts WHERE at < ?", [stamp(before)])


def _draft(row: dict[str, Any]) -> Draft:
    return Draft(
        id=row["id"],
        curator=row["curator"],
        page=row["page"],
        path=row["path"],
        fields=tuple((name, value) for name, value in json.loads(row["fields"])),
        at=datetime.fromisoformat(row["at"]),
    )
