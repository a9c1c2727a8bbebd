"""Files that wait for somebody to confirm what importing them does."""

from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from feed.store.timestamps import stamp

MOST = 5  # of one person: older ones give way


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that waits; `body` is what is in it."""

    id: int
    at: datetime
    name: str
    body: bytes


def add(db: Database, curator: int, name: str, body: bytes, now: datetime) -> int:
    """Keep a file of somebody, in place of their oldest if they have too many; its number."""
    cursor = db.execute(
        "INSERT INTO uploads (curator, at, name, body) VALUES (?, ?, ?, ?)",
        [curator, stamp(now), name, body],
    )
    assert cursor.lastrowid is not None  # noqa: S101 – an INSERT has one
    db.execute(
        "DELETE FROM uploads WHERE curator = :curator AND id NOT IN"
        " (SELECT id FROM uploads WHERE curator = :curator ORDER BY id DESC LIMIT :most)",
        {"curator": curator, "most": MOST},
    )
    return cursor.lastrowid


def get(db: Database, number: int, curator: int) -> Upload | None:
    """A file of somebody, by its number; None if it is another's, used or forgotten."""
    row = next(
        db.query(
            "SELECT id, at, name, body FROM uploads WHERE id = ? AND curator = ?", [number, curator]
        ),
        None,
    )
    return Upload(**{**row, "at": datetime.fromisoformat(row["at"])}) if row else None


def names(db: Database, curator: int) -> dict[int, str]:
    """The names of the files of somebody that wait, by number, newest first."""
    rows = db.execute("SELECT id, name FROM uploads WHERE curator = ? ORDER BY id DESC", [curator])
    return dict(rows.fetchall())


def remove(db: Database, number: int, curator: int) -> None:
    """Forget a file of somebody."""
    db.execute("DELETE FROM uploads WHERE id = ? AND curator = ?", [number, curator])


def forget(db: Database, before: datetime) -> None:
    """Forget the files that came before that instant."""
    db.execute("DELETE FROM uploads WHERE at < ?", [stamp(before)])
