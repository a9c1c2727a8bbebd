"""Sign-in sessions of the desk, by the hash of the session cookie's token."""

from datetime import datetime
from typing import Any

from sqlite_utils import Database

from feed.model.people import Curator, Method, Session, Where
from feed.store import curators
from feed.store.connection import fetch_rows, stamp

_SELECT = (
    f"{curators.SELECT}, s.id AS session, s.made, s.seen, s.proved, s.method, s.network, s.device"
    " FROM sessions s JOIN curators c ON c.id = s.curator"
)


def add(
    db: Database,
    digest: str,
    curator: Curator,
    method: Method,
    where: Where,
    made: datetime,
    now: datetime,
    *,
    proved: datetime | None = None,
) -> None:
    """Add a session, whose person has proved by `method` who they are: now, or at `proved`."""
    db.execute(
        "INSERT INTO sessions (id, curator, made, seen, proved, method, network, device)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            *(digest, curator.id, stamp(made), stamp(now), stamp(proved or now), method),
            *(where.network, where.device),
        ],
    )


def find(db: Database, digest: str) -> Session | None:
    """The session with that token hash, of an enabled account; None if there is none."""
    rows = fetch_rows(db, f"{_SELECT} WHERE s.id = ? AND c.disabled IS NULL", [digest])
    return _session(rows[0]) if rows else None


def of_curator(db: Database, curator: int) -> list[Session]:
    """The sessions of an account, the one used last first; expired ones included."""
    rows = fetch_rows(db, f"{_SELECT} WHERE s.curator = ? ORDER BY s.seen DESC, s.id", [curator])
    return [_session(row) for row in rows]


def touch(db: Database, digest: str, now: datetime) -> None:
    """Record that the session was used just now."""
    db.execute("UPDATE sessions SET seen = ? WHERE id = ?", [stamp(now), digest])


def end(db: Database, digest: str, curator: int) -> bool:
    """Delete a session of an account; False if it has none with that hash."""
    done = db.execute("DELETE FROM sessions WHERE id = ? AND curator = ?", [digest, curator])
    return done.rowcount == 1


def end_all(db: Database, curator: int, keep: str = "") -> int:
    """Delete an account's sessions except the one with hash `keep`; returns how many."""
    return db.execute(
        "DELETE FROM sessions WHERE curator = ? AND id <> ?", [curator, keep]
    ).rowcount


def delete_expired(db: Database, made: datetime, seen: datetime) -> None:
    """Delete sessions made, or last used, before these instants."""
    db.execute("DELETE FROM sessions WHERE made < ? OR seen < ?", [stamp(made), stamp(seen)])


def _session(row: dict[str, Any]) -> Session:
    return Session(
        id=row["session"],
        curator=curators.curator(row),
        made=datetime.fromisoformat(row["made"]),
        seen=datetime.fromisoformat(row["seen"]),
        proved=datetime.fromisoformat(row["proved"]),
        method=row["method"],
        network=row["network"],
        device=row["device"],
    )
