"""Sums of what all processes count for the operator, in a file of its own that may be lost.

A process counts in memory, where it costs nothing to speak of, and adds what is new to the file
every few seconds. So the sums are those of all processes, go on after a restart, and lack at most
what somebody who was killed had counted since.
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

FILE = "tally.sqlite3"
KEEP_SECONDS = 2.0
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)  # seconds
_TABLE = (
    "CREATE TABLE IF NOT EXISTS tally"
    " (key TEXT PRIMARY KEY, value REAL NOT NULL) STRICT, WITHOUT ROWID"
)
Key = tuple[str, ...]  # what is counted, and its labels
Cell = list[float]  # of one number, which whoever counts often adds to by themselves


class MetricCounters:
    """Counts, by key. Safe to use from several threads, and in a process that was forked."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._new: dict[Key, float] = {}
        self._cells: dict[Key, Cell] = {}
        self._seen: dict[Key, float] = {}  # of a cell, by the last time that it was kept
        self._lock = threading.Lock()
        self._process: int | None = None  # in which a thread keeps what is new

    def add(self, key: Key, by: float = 1.0) -> None:
        """Count something."""
        if self._process != os.getpid():
            self._begin()
        with self._lock:
            self._new[key] = self._new.get(key, 0.0) + by

    def cell(self, key: Key) -> Cell:
        """A number to be added to where a function call for each time would cost too much.

        Two threads that add at the very same moment may count once.
        """
        if self._process != os.getpid():
            self._begin()
        with self._lock:
            return self._cells.setdefault(key, [0.0])

    def time(self, key: Key, seconds: float) -> None:
        """Count how long something took: `{key}, {bucket}` and, in all, `{key}, "seconds"`."""
        bucket = next((str(limit) for limit in BUCKETS if seconds <= limit), "+Inf")
        self.add((*key, bucket))
        self.add((*key, "seconds"), seconds)

    def keep(self) -> None:
        """Add what is new to the file. While that fails, it stays in memory."""
        with self._lock:
            new, self._new = self._new, {}
            for key, cell in self._cells.items():
                before, self._seen[key] = self._seen.get(key, 0.0), cell[0]
                if self._seen[key] != before:
                    new[key] = new.get(key, 0.0) + self._seen[key] - before
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
            log.debug("what was counted cannot be kept: %s", error)
            with self._lock:
                for key, value in new.items():
                    self._new[key] = self._new.get(key, 0.0) + value

    def sums(self) -> dict[Key, float]:
        """The sums of all processes, as far as they are kept."""
        self.keep()
        try:
            with self._opened() as db:
                return {tuple(json.loads(k)): v for k, v in db.execute("SELECT * FROM tally")}
        except (StoreError, sqlite3.Error):
            with self._lock:
                return dict(self._new)

    def _begin(self) -> None:
        """Have a thread keep what is new; a process that was forked has none yet."""
        with self._lock:
            if self._process == os.getpid():
                return
            self._process, self._new = os.getpid(), {}
            self._cells, self._seen = {}, {}
        threading.Thread(target=self._keep_on, name="tally", daemon=True).start()

    def _keep_on(self) -> None:
        while True:
            time.sleep(KEEP_SECONDS)
            self.keep()

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with closing(connect(self._path, create=True).conn) as db, db:
            db.execute("PRAGMA synchronous = OFF")
            db.execute(_TABLE)
            yield db
