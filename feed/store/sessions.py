"""Who is signed in at the desk, in which browser. Only hashes of what browsers hold are kept."""

from datetime import datetime

from sqlite_utils import Database

from feed.model.people import Session
from feed.store import curators
from feed.store.timestamps import stamp


def add(db: Database, digest: str, curator: int, now: datetime, *, whole: bool) -> None:
    """Begin a session."""
    db.execute(
        "INSERT INTO sessions (id, curator, made, seen, whole) VALUES (?, ?, ?, ?, ?)",
        [digest, curator, stamp(now), stamp(now), int(whole)],
    )


def find(db: Database, digest: str) -> Session | None:
    """The session of a hash, of somebody who may sign in."""
    query = (
        f"{curators.SELECT}, s.made, s.seen, s.whole FROM sessions s"
        " JOIN curators c ON c.id = s.curator WHERE s.id = ? AND c.disabled IS NULL"
    )
    row = next(iter(db.query(query, [digest])), None)
    if row is None:
        return None
    return Session(
        curators.curator(row),
        datetime.fromisoformat(row["made"]),
        datetime.fromisoformat(row["seen"]),
        bool(row["whole"]),
    )


def touch(db: Database, digest: str, now: datetime) -> None:
    """Keep that the session was used just now."""
    db.execute("UPDATE sessions SET seen = ? WHERE id = ?", [stamp(now), digest])


def end(db: Database, digest: str) -> None:
    """End a session."""
    db.execute("DELETE FROM sessions WHERE id = ?", [digest])


def end_all(db: Database, curator: int, keep: str = "") -> int:
    """End somebody's sessions but for the one of the hash `keep`; how many."""
    return db.execute(
        "DELETE FROM sessions WHERE curator = ? AND id <> ?", [curator, keep]
    ).rowcount


def count(db: Database, curator: int) -> int:
    """How many sessions somebody has."""
    query = "SELECT count(*) FROM sessions WHERE curator = ?"
    return int(db.execute(query, [curator]).fetchone()[0])


def forget(db: Database, made: datetime, seen: datetime) -> None:
    """Forget the sessions made, or last used, before these instants."""
    db.execute("DELETE FROM sessions WHERE made < ? OR seen < ?", [stamp(made), stamp(seen)])
