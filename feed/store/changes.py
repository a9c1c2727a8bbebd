"""The record of what happened to editions: published, replaced, corrected, withdrawn.

The database itself records the publications and withdrawals: see `changes_tables`.
"""

from datetime import date, datetime
from typing import Any

from sqlite_utils import Database

from feed.model.changes import Change
from feed.store import ledger
from feed.store.changes_tables import CORRECTED
from feed.store.connection import fetch_rows, stamp


def correct_principle(db: Database, slug: str, now: datetime) -> None:
    """Record that a principle changed visibly, for each standing edition that shows it."""
    _correct(db, "VALUES (:slug)", slug, now)


def correct_source(db: Database, slug: str, now: datetime) -> None:
    """The same for a source."""
    _correct(db, "SELECT slug FROM principles WHERE source = :slug", slug, now)


def correct_theme(db: Database, slug: str, now: datetime) -> None:
    """The same for a theme."""
    _correct(db, "SELECT principle FROM principle_themes WHERE theme = :slug", slug, now)


def _correct(db: Database, principles: str, slug: str, now: datetime) -> None:
    query = CORRECTED.format(principles=principles)
    db.execute(query, {"slug": slug, "now": stamp(now)})


def listed(
    db: Database, today: date, after: int, since: datetime | None, limit: int
) -> list[Change]:
    """The first changes with ids greater than `after`, not before the instant `since`, in order.

    None from the first one on that is about a date after `today`.
    """
    rows = fetch_rows(
        db,
        "SELECT c.id AS change, c.at, c.act, e.* FROM changes c JOIN editions e ON e.id = c.edition"
        " WHERE c.id > max(:after, ifnull((SELECT id FROM changes WHERE at < :since"
        " ORDER BY at DESC, id DESC LIMIT 1), 0))"
        " AND c.id < ifnull((SELECT min(f.id) FROM changes f JOIN editions g ON g.id = f.edition"
        " WHERE g.date > :today), c.id + 1) ORDER BY c.id LIMIT :limit",
        {
            "after": after,
            "since": "" if since is None else stamp(since),
            "today": today.isoformat(),
            "limit": limit,
        },
    )
    return [_change(row) for row in rows]


def _change(row: dict[str, Any]) -> Change:
    at = datetime.fromisoformat(row["at"])
    return Change(row["change"], at, row["act"], ledger.edition_of(row))
