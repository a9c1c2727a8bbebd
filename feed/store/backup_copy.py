"""A copy of the database as it was at one moment, made while others write; and whether it is whole.

SQLite’s online backup: the copy reads in one transaction, so writers neither wait nor show in it.
"""

import secrets
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path

from sqlite_utils import Database

from feed.errors import StoreError
from feed.store.connection import opened, transaction

LEAST_STEP, STEPS = 1 << 24, 1 << 36  # how far, and how many choices of it
PAGES = 2048  # that are copied between two looks at whether to go on


def copy(db: Database, target: Path, look: Callable[[], None]) -> dict[str, int]:
    """Copy an open database into a new file; how many rows each of its tables had.

    `look` is called now and then, and may raise to stop. Raises StoreError.
    """
    db.execute("BEGIN")
    try:
        numbers = counts(db)  # what is read first fixes the moment
        made = sqlite3.connect(target)
        try:
            made.execute("PRAGMA synchronous = OFF")  # it is read back, and then goes away
            db.conn.backup(made, pages=PAGES, progress=lambda *_: look())
        finally:
            made.close()
    finally:
        db.rollback()
    return numbers


def counts(db: Database) -> dict[str, int]:
    """How many rows each table has, those of the search index included."""
    names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {
        name: db.execute('SELECT count(*) FROM "{}"'.format(name.replace('"', '""'))).fetchone()[0]
        for name in sorted(names)
    }


def flaw(path: Path, expected: Mapping[str, int]) -> str | None:
    """What is wrong with a database file that should have so many rows; None if it is whole."""
    try:
        with opened(path) as db:
            (said,) = db.execute("PRAGMA integrity_check(1)").fetchone()
            if said != "ok":
                return str(said)
            found = counts(db)
    except StoreError as error:
        return str(error.values.get("detail", error))
    wrong = [name for name in {*found, *expected} if found.get(name) != expected.get(name)]
    return f"rows of {', '.join(sorted(wrong))}" if wrong else None


def skip_numbers(path: Path) -> None:
    """Have the database of a backup give no number that was given after the backup was made.

    Links in letters name people by number: nobody is to open what belongs to a newcomer. The step
    is a random one, for a backup may be brought back more than once.
    """
    step = LEAST_STEP + secrets.randbelow(STEPS)
    with opened(path) as db, transaction(db):
        counting = "SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'"
        for (name,) in db.execute(counting).fetchall():
            given = "UPDATE sqlite_sequence SET seq = seq + ? WHERE name = ?"
            if not db.execute(given, [step, name]).rowcount:  # none was given yet
                db.execute("INSERT INTO sqlite_sequence (seq, name) VALUES (?, ?)", [step, name])


def fault(db: Database) -> str | None:
    """What SQLite’s quick check finds wrong in an open database; None if nothing."""
    (said,) = db.execute("PRAGMA quick_check(1)").fetchone()
    return None if said == "ok" else str(said)
