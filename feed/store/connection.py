"""Database connections and transactions; errors of the SQLite driver become StoreError."""

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote
from zoneinfo import ZoneInfo

from sqlite_utils import Database

from feed.errors import StoreError
from feed.store.search_index import indexed_words

BUSY_SECONDS = 5.0
RETRY_SECONDS = 0.01
_STEPS = 10_000  # of SQLite's virtual machine, between two looks at a time limit
_DAMAGED = "The database file is damaged: move it away, and restore a backup with “devis restore”."
_FOREIGN = (
    "The file is not a database of Devis, or is damaged: move it away, and run “devis restore” if"
    " there is a backup."
)
DriverError = sqlite3.DatabaseError


class _Connection(sqlite3.Connection):
    """A connection that raises StoreError for operational errors; programming errors pass through.

    `depth` counts nested transactions.
    """

    depth = 0

    def execute(self, *args: Any, **kwargs: Any) -> sqlite3.Cursor:
        try:
            return super().execute(*args, **kwargs)
        except sqlite3.DatabaseError as error:
            raise _translated(error) from error


def _translated(error: sqlite3.DatabaseError) -> Exception:
    if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
        return error
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_ERROR:
        return error
    messages = {
        sqlite3.SQLITE_BUSY: "The database is locked by another program; try again.",
        sqlite3.SQLITE_LOCKED: "The database is locked by another program; try again.",
        sqlite3.SQLITE_FULL: "The disk is full: nothing was written.",
        sqlite3.SQLITE_READONLY: "The database cannot be written: it is read-only.",
        sqlite3.SQLITE_CORRUPT: _DAMAGED,
        sqlite3.SQLITE_NOTADB: _FOREIGN,
    }
    message = messages.get(code, "The database cannot be used: %(detail)s.")
    return StoreError(message, detail=str(error))


def exists(path: Path) -> bool:
    """Whether there is a database file. Raises StoreError where its folder cannot be read."""
    try:
        return path.exists()
    except OSError as error:
        raise StoreError(
            "The database %(path)s cannot be opened: %(detail)s.",
            path=path,
            detail=error.strerror,
        ) from error


def connect(
    path: Path, *, create: bool = False, shared: bool = False, read_only: bool = False
) -> Database:
    """Open the database file; the connection belongs to the calling thread, unless `shared`.

    A `read_only` connection cannot write, and needs neither a writable file nor a writable folder.
    Raises StoreError if the file does not exist (unless `create`) or cannot be opened.
    """
    if not create and not exists(path):
        raise StoreError("There is no database at %(path)s: run “devis init”.", path=path)
    if create:
        _make_private(path)
    try:
        connection = sqlite3.connect(
            _read_only_uri(path) if read_only else path,
            timeout=BUSY_SECONDS,
            factory=_Connection,
            check_same_thread=not shared,
            uri=read_only,
        )
    except sqlite3.DatabaseError as error:
        raise StoreError(
            "The database %(path)s cannot be opened: %(detail)s.",
            path=path,
            detail=error,
        ) from error
    try:
        if create:
            _enable_wal(connection)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = NORMAL")
        # The index of texts is made by a function of this program.
        connection.execute("PRAGMA trusted_schema = ON")
        connection.create_function("indexed_words", -1, indexed_words, deterministic=True)
        connection.create_function("local_date", 2, _local_date, deterministic=True)
        if read_only:
            connection.execute("PRAGMA query_only = ON")
        return Database(connection, execute_plugins=False, strict=True)
    except BaseException:
        connection.close()
        raise


@contextmanager
def time_limit(db: Database, seconds: float) -> Iterator[None]:
    """Interrupt queries after so many seconds of processor time. Raises StoreError."""
    end = time.thread_time() + seconds
    db.conn.set_progress_handler(lambda: time.thread_time() > end, _STEPS)
    try:
        yield
    finally:
        db.conn.set_progress_handler(None, 0)


def _read_only_uri(path: Path) -> str:
    """The URI that opens a database read-only.

    Where the folder can be written, SQLite opens the file as usual: a strictly read-only connection
    would leave the -wal and -shm files of write-ahead logging behind. Where it cannot, SQLite needs
    those two of a writer, or the promise that there is none (immutable).
    """
    uri = f"file:{quote(str(path))}"
    if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK):
        return f"{uri}?mode=rw"
    log = path.with_name(f"{path.name}-wal")
    return f"{uri}?mode=ro" if log.exists() and log.stat().st_size else f"{uri}?immutable=1"


def _enable_wal(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead logging. SQLite does not wait for another process that does so too."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except StoreError as error:
            code = getattr(error.__cause__, "sqlite_errorcode", 0) & 0xFF
            if code != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(RETRY_SECONDS)
        else:
            return


def _local_date(instant: str, timezone: str) -> str:
    """SQL function `local_date`: the calendar date of a time in a timezone, as ISO 8601."""
    return datetime.fromisoformat(instant).astimezone(ZoneInfo(timezone)).date().isoformat()


def _make_private(path: Path) -> None:
    """Create the file with mode 0600; SQLite gives its -wal and -shm files the same mode.

    An existing file is not opened: closing it would release every lock that other connections of
    this process hold on it (POSIX).
    """
    with suppress(OSError):  # `sqlite3.connect` reports it
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL, 0o600))


@contextmanager
def opened(path: Path, *, create: bool = False, read_only: bool = False) -> Iterator[Database]:
    """Open the database like `connect`, and close it at the end of the `with` block."""
    db = connect(path, create=create, read_only=read_only)
    try:
        yield db
    except sqlite3.DatabaseError as error:  # raised while fetching rows
        raise _translated(error) from error
    finally:
        db.close()


def fetch_rows(
    db: Database, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()
) -> list[dict[str, Any]]:
    """The rows of a SELECT as dictionaries, without the savepoint that `Database.query` opens."""
    cursor = db.execute(sql, parameters)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


@contextmanager
def transaction(db: Database) -> Iterator[None]:
    """A write transaction: commits at the end of the block, rolls back on an exception.

    It takes the write lock at the start (BEGIN IMMEDIATE), so that what the block reads cannot
    change before it writes. Inside another transaction it is a savepoint.
    """
    connection = cast(_Connection, db.conn)
    if connection.depth:
        with _savepoint(connection):
            yield
        return
    db.execute("BEGIN IMMEDIATE")
    connection.depth = 1
    try:
        yield
    except BaseException:
        db.rollback()
        raise
    finally:
        connection.depth = 0
    db.commit()


@contextmanager
def undone(db: Database) -> Iterator[None]:
    """A transaction that is always rolled back at the end of the block: for dry runs."""
    try:
        with transaction(db):
            yield
            raise _RollbackError
    except _RollbackError:
        pass


class _RollbackError(Exception):
    """Raised to roll back at the end of `undone`."""


@contextmanager
def _savepoint(connection: _Connection) -> Iterator[None]:
    connection.execute("SAVEPOINT part")
    connection.depth += 1
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK TO part")
        raise
    finally:
        connection.depth -= 1
        connection.execute("RELEASE part")


def stamp(now: datetime) -> str:
    """Format a time for the database."""
    return now.isoformat(timespec="seconds")


def instant(text: str | None) -> datetime | None:
    """Parse a time from the database; None stays None."""
    return datetime.fromisoformat(text) if text else None
