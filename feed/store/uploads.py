"""Uploaded files that await confirmation of their import: of the library, or of subscribers."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlite_utils import Database

from feed.store.connection import fetch_rows, stamp

UploadKind = Literal["library", "subscribers"]
MAX_UPLOADS = 5  # per person; the oldest are deleted


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded file; `body` is its content, `choices` how to read it, in JSON or empty."""

    id: int
    at: datetime
    name: str
    body: bytes
    choices: str


def add(
    db: Database,
    curator: int,
    name: str,
    body: bytes,
    now: datetime,
    kind: UploadKind = "library",
) -> int:
    """Store an uploaded file, deleting the person's oldest beyond MAX_UPLOADS; returns its id."""
    cursor = db.execute(
        "INSERT INTO uploads (curator, at, name, body, kind) VALUES (?, ?, ?, ?, ?)",
        [curator, stamp(now), name, body, kind],
    )
    assert cursor.lastrowid is not None  # noqa: S101 – an INSERT has one
    db.execute(
        "DELETE FROM uploads WHERE curator = :curator AND id NOT IN"
        " (SELECT id FROM uploads WHERE curator = :curator ORDER BY id DESC LIMIT :most)",
        {"curator": curator, "most": MAX_UPLOADS},
    )
    return cursor.lastrowid


def get(db: Database, number: int, curator: int, kind: UploadKind = "library") -> Upload | None:
    """A person's upload by its id; None if it is another's, of another kind, or deleted."""
    row = next(
        iter(
            fetch_rows(
                db,
                "SELECT id, at, name, body, choices FROM uploads"
                " WHERE id = ? AND curator = ? AND kind = ?",
                [number, curator, kind],
            )
        ),
        None,
    )
    return Upload(**{**row, "at": datetime.fromisoformat(row["at"])}) if row else None


def set_choices(db: Database, number: int, curator: int, choices: str) -> None:
    """Store how a person's upload is to be read."""
    db.execute(
        "UPDATE uploads SET choices = ? WHERE id = ? AND curator = ?", [choices, number, curator]
    )


def names(db: Database, curator: int) -> dict[int, str]:
    """The file names of a person's uploads for the library, by id, newest first."""
    rows = db.execute(
        "SELECT id, name FROM uploads WHERE curator = ? AND kind = 'library' ORDER BY id DESC",
        [curator],
    )
    return dict(rows.fetchall())


def remove(db: Database, number: int, curator: int) -> None:
    """Delete a person's upload."""
    db.execute("DELETE FROM uploads WHERE id = ? AND curator = ?", [number, curator])


def delete_older(db: Database, before: datetime) -> None:
    """Delete uploads made before an instant."""
    db.execute("DELETE FROM uploads WHERE at < ?", [stamp(before)])
