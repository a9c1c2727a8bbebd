"""Counting what an address asks for, across processes, in a file of its own that may be lost.

It is not part of the library's database: counting must neither wait for an editor who saves, nor
end up in a backup. A row is gone when its window is over.
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
# Or whoever asks from many addresses would make every count a look through all of them.
_INDEX = "CREATE INDEX IF NOT EXISTS counters_expires ON counters(expires)"
# A rate is about real seconds, in a rehearsal too: SQLite's clock, not the product's.
_NOW = "((julianday('now') - 2440587.5) * 86400)"

Failure = sqlite3.Error


class Counters:
    """Numbers by key, each with an end. Safe to use from several processes and threads."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, key: str, seconds: int) -> tuple[int, float]:
        """Add one to a number, which ends `seconds` after its first addition.

        Returns the sum so far, and in how many seconds it ends.
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
        """Forget a number."""
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
