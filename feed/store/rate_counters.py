"""Counters for rate limits, shared by all processes, in an SQLite file that may be lost.

They are not in the main database: counting must not wait for writers there, nor be in backups.
Rows are deleted when their window is over.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from feed.store.connection import connect

_TABLE = (
    "CREATE TABLE IF NOT EXISTS counters"
    " (key TEXT PRIMARY KEY, number INTEGER NOT NULL, expires REAL NOT NULL) STRICT"
)
# Without it, requests from many addresses would make every count a full table scan.
_INDEX = "CREATE INDEX IF NOT EXISTS counters_expires ON counters(expires)"
# Rates are per real second, in a rehearsal too: SQLite's clock instead of the product's.
_NOW = "((julianday('now') - 2440587.5) * 86400)"

Failure = sqlite3.Error


class RateCounters:
    """Counters by key, each with an expiry. Safe for several processes and threads."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, key: str, seconds: int) -> tuple[int, float]:
        """Increment a counter, which expires `seconds` after its first increment.

        Returns its value, and the seconds until it expires.
        """
        with self._opened() as db:
            db.execute(f"DELETE FROM counters WHERE expires <= {_NOW}")
            number, left = db.execute(
                f"INSERT INTO counters VALUES (?, 1, {_NOW} + ?)"
                " ON CONFLICT DO UPDATE SET number = number + 1"
                f" RETURNING number, expires - {_NOW}",
                [key, seconds],
            ).fetchone()
            return number, left

    def clear(self, key: str) -> None:
        """Reset a counter."""
        with self._opened() as db:
            db.execute("DELETE FROM counters WHERE key = ?", [key])

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        db = connect(self.path, create=True).conn
        try:
            db.isolation_level = None
            db.execute("PRAGMA synchronous = OFF")
            db.execute(_TABLE)
            db.execute(_INDEX)
            yield db
        finally:
            db.close()
