"""Counters of requests for /metrics and for rate limits, in SQLite files that may be lost.

All processes share them. They are not in the main database: counting must not wait for writers
there, nor be in backups.
"""

import json
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from feed.errors import StoreError
from feed.store.connection import connect

log = logging.getLogger(__name__)

METRICS_FILE = "tally.sqlite3"
RATES_FILE = "limits.sqlite3"
FLUSH_SECONDS = 2.0
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)  # seconds
_TABLE = (
    "CREATE TABLE IF NOT EXISTS tally"
    " (key TEXT PRIMARY KEY, value REAL NOT NULL) STRICT, WITHOUT ROWID"
)
Key = tuple[str, ...]  # name and labels
Cell = list[float]  # a single number, mutable in place: for hot paths
_RATES_TABLE = (
    "CREATE TABLE IF NOT EXISTS counters"
    " (key TEXT PRIMARY KEY, number INTEGER NOT NULL, expires REAL NOT NULL) STRICT"
)
# Without it, requests from many addresses would make every count a full table scan.
_INDEX = "CREATE INDEX IF NOT EXISTS counters_expires ON counters(expires)"
# Rates are per real second, in a rehearsal too: SQLite's clock instead of the product's.
_NOW = "((julianday('now') - 2440587.5) * 86400)"
Failure = sqlite3.Error


class MetricCounters:
    """Counters by key. Safe for several threads, and after a fork."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._increments: dict[Key, float] = {}
        self._cells: dict[Key, Cell] = {}
        self._flushed: dict[Key, float] = {}  # values of the cells at the last flush
        self._lock = threading.Lock()
        self._process: int | None = None  # the process whose thread flushes

    def add(self, key: Key, by: float = 1.0) -> None:
        """Increment a counter."""
        if self._process != os.getpid():
            self._start_thread()
        with self._lock:
            self._increments[key] = self._increments.get(key, 0.0) + by

    def cell(self, key: Key) -> Cell:
        """A counter that the caller increments in place, where a function call would cost too much.

        Increments are not atomic: two threads at the same moment may count once.
        """
        if self._process != os.getpid():
            self._start_thread()
        with self._lock:
            return self._cells.setdefault(key, [0.0])

    def time(self, key: Key, seconds: float) -> None:
        """Add a duration to a histogram: `{key}, {bucket}` and the sum `{key}, "seconds"`."""
        bucket = next((str(limit) for limit in BUCKETS if seconds <= limit), "+Inf")
        self.add((*key, bucket))
        self.add((*key, "seconds"), seconds)

    def flush(self) -> None:
        """Add the increments to the file; they stay in memory while that fails."""
        with self._lock:
            new, self._increments = self._increments, {}
            for key, cell in self._cells.items():
                before, self._flushed[key] = self._flushed.get(key, 0.0), cell[0]
                if self._flushed[key] != before:
                    new[key] = new.get(key, 0.0) + self._flushed[key] - before
        if not new:
            return
        try:
            with self._opened() as db:
                db.executemany(
                    "INSERT INTO tally VALUES (?, ?)"
                    " ON CONFLICT DO UPDATE SET value = value + excluded.value",
                    [(json.dumps(key), value) for key, value in new.items()],
                )
        except (StoreError, sqlite3.Error) as error:
            log.debug("metric counters cannot be written: %s", error)
            with self._lock:
                for key, value in new.items():
                    self._increments[key] = self._increments.get(key, 0.0) + value

    def sums(self) -> dict[Key, float]:
        """The sums of all processes, as of their last flush."""
        self.flush()
        try:
            with self._opened() as db:
                return {tuple(json.loads(k)): v for k, v in db.execute("SELECT * FROM tally")}
        except (StoreError, sqlite3.Error):
            with self._lock:
                return dict(self._increments)

    def _start_thread(self) -> None:
        """Start the thread that flushes; a forked process has none yet."""
        with self._lock:
            if self._process == os.getpid():
                return
            self._process, self._increments = os.getpid(), {}
            self._cells, self._flushed = {}, {}
        threading.Thread(target=self._flush_forever, name="tally", daemon=True).start()

    def _flush_forever(self) -> None:
        while True:
            time.sleep(FLUSH_SECONDS)
            self.flush()

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with closing(connect(self._path, create=True).conn) as db, db:
            db.execute("PRAGMA synchronous = OFF")
            db.execute(_TABLE)
            yield db


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

    def get(self, key: str) -> tuple[int, float]:
        """The value of a counter, and the seconds until it expires; zeros if there is none."""
        with self._opened() as db:
            row = db.execute(
                f"SELECT number, expires - {_NOW} FROM counters WHERE key = ? AND expires > {_NOW}",
                [key],
            ).fetchone()
            return row or (0, 0.0)

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
            db.execute(_RATES_TABLE)
            db.execute(_INDEX)
            yield db
        finally:
            db.close()
