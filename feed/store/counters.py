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
# A rate is about real seconds, in a rehearsal too: SQLite's clock, not the product's.
_NOW = "((julianday('now') - 2440587.5) * 86400)"

Failure = sqlite3.Error


class Counters:
    """Numbers by key, each with an end. Safe to use from several processes and threads."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, key: str, seconds: int, amount: int = 1) -> int:
        """Add to a number, which ends `seconds` after its first addition; the sum so far."""
        with self._opened() as db:
            db.execute(f"DELETE FROM counters WHERE expires <= {_NOW}")
            row = db.execute(
                f"INSERT INTO counters VALUES (?, ?, {_NOW} + ?)"
                " ON CONFLICT DO UPDATE SET number = number + excluded.number RETURNING number",
                [key, amount, seconds],
            ).fetchone()
            return int(row[0])

    def number(self, key: str) -> int:
        """The sum so far, 0 after its end."""
        return int(self._value("number", key) or 0)

    def expires(self, key: str) -> float | None:
        """When the number ends, in seconds of the Unix clock; None if there is none."""
        return self._value("expires", key)

    def left(self, key: str) -> float:
        """Seconds until the number ends, 0 if there is none."""
        return self._value(f"expires - {_NOW}", key) or 0.0

    def clear(self, key: str | None = None) -> None:
        """Forget one number, or all."""
        with self._opened() as db:
            db.execute("DELETE FROM counters WHERE :key IS NULL OR key = :key", {"key": key})

    def _value(self, column: str, key: str) -> float | None:
        with self._opened() as db:
            query = f"SELECT {column} FROM counters WHERE key = ? AND expires > {_NOW}"
            row = db.execute(query, [key]).fetchone()
            return row[0] if row else None

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        db = connect(self.path, create=True).conn
        try:
            db.isolation_level = None
            db.execute("PRAGMA synchronous = OFF")
            db.execute(_TABLE)
            yield db
        finally:
            db.close()
