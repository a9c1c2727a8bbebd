"""The suppression list: keyed hashes of addresses and domains that must not be written to."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlite_utils import Database

from feed.store.connection import stamp


def add(db: Database, hashes: Iterable[str], now: datetime) -> int:
    """Add hashes; returns how many are new."""
    cursor = db.conn.executemany(
        "INSERT INTO suppressions (hash, at) VALUES (?, ?) ON CONFLICT DO NOTHING",
        [(each, stamp(now)) for each in hashes],
    )
    return cursor.rowcount


def remove(db: Database, hashes: Iterable[str]) -> int:
    """Remove hashes; returns how many there were."""
    cursor = db.conn.executemany(
        "DELETE FROM suppressions WHERE hash = ?", [(each,) for each in hashes]
    )
    return cursor.rowcount


def has_any(db: Database, hashes: Sequence[str]) -> bool:
    """Whether at least one of some hashes is on the list."""
    places = ", ".join("?" * len(hashes))
    query = f"SELECT EXISTS (SELECT 1 FROM suppressions WHERE hash IN ({places}))"
    return bool(db.execute(query, list(hashes)).fetchone()[0])


def count(db: Database) -> int:
    """The number of entries."""
    return int(db.execute("SELECT count(*) FROM suppressions").fetchone()[0])
