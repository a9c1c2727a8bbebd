"""Sign-in sessions of the desk, by the hash of the session cookie's token."""

from datetime import datetime

from sqlite_utils import Database

from feed.model.people import Session
from feed.store import curators
from feed.store.connection import fetch_rows, stamp


def add(db: Database, digest: str, curator: int, now: datetime, *, whole: bool) -> None:
    """Add a session; `whole` is false until a second factor is given."""
    db.execute(
        "INSERT INTO sessions (id, curator, made, seen, whole) VALUES (?, ?, ?, ?, ?)",
        [digest, curator, stamp(now), stamp(now), int(whole)],
    )


def find(db: Database, digest: str) -> Session | None:
    """The session with that token hash, of an enabled account; None if there is none."""
    query = (
        f"{curators.SELECT}, s.made, s.seen, s.whole FROM sessions s"
        " JOIN curators c ON c.id = s.curator WHERE s.id = ? AND c.disabled IS NULL"
    )
    row = next(iter(fetch_rows(db, query, [digest])), None)
    if row is None:
        return None
    return Session(
        curators.curator(row),
        datetime.fromisoformat(row["made"]),
        datetime.fromisoformat(row["seen"]),
        bool(row["whole"]),
    )


def touch(db: Database, digest: str, now: datetime) -> None:
    """Record that the session was used just now."""
    db.execute("UPDATE sessions SET seen = ? WHERE id = ?", [stamp(now), digest])


def end(db: Database, digest: str) -> None:
    """Delete a session."""
    db.execute("DELETE FROM sessions WHERE id = ?", [digest])


def end_all(db: Database, curator: int, keep: str = "") -> int:
    """Delete an account's sessions except the one with hash `keep`; returns how many."""
    return db.execute(
        "DELETE FROM sessions WHERE curator = ? AND id <> ?", [curator, keep]
    ).rowcount


def count(db: Database, curator: int) -> int:
    """The number of sessions of an account."""
    query = "SELECT count(*) FROM sessions WHERE curator = ?"
    return int(db.execute(query, [curator]).fetchone()[0])


def delete_expired(db: Database, made: datetime, seen: datetime) -> None:
    """Delete sessions made, or last used, before these instants."""
    db.execute("DELETE FROM sessions WHERE made < ? OR seen < ?", [stamp(made), stamp(seen)])
