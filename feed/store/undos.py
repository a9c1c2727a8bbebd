"""Actions at the desk that the person who did them can undo."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from feed.store.connection import fetch_rows, stamp


@dataclass(frozen=True, slots=True)
class Undo:
    """What it takes to undo an action: `body` is a JSON object."""

    id: int
    at: datetime
    body: dict[str, Any]


def add(db: Database, curator: int, body: dict[str, Any], now: datetime) -> int:
    """Add an action that can be undone; returns its id."""
    cursor = db.execute(
        "INSERT INTO undos (curator, at, body) VALUES (?, ?, ?)",
        [curator, stamp(now), json.dumps(body, ensure_ascii=False)],
    )
    assert cursor.lastrowid is not None  # noqa: S101 – an INSERT has one
    return cursor.lastrowid


def get(db: Database, number: int, curator: int) -> Undo | None:
    """A person's action by its id; None if it is another's, undone, or deleted."""
    query = "SELECT id, at, body FROM undos WHERE id = ? AND curator = ?"
    for row in fetch_rows(db, query, [number, curator]):
        return Undo(row["id"], datetime.fromisoformat(row["at"]), json.loads(row["body"]))
    return None


def remove(db: Database, number: int) -> None:
    """Delete an action: it is undone."""
    db.execute("DELETE FROM undos WHERE id = ?", [number])


def delete_older(db: Database, before: datetime) -> None:
    """Delete actions from before an instant."""
    db.execute("DELETE FROM undos WHERE at < ?", [stamp(before)])
