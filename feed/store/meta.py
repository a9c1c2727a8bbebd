"""What the database remembers about itself."""

from datetime import datetime

from sqlite_utils import Database

REHEARSAL = "rehearsal"  # the key of databases that were made, or copied, for a rehearsed clock


def get(db: Database, key: str) -> str | None:
    """A remembered value, None if there is none."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", [key]).fetchone()
    return row[0] if row else None


def remember(db: Database, key: str, value: str) -> str:
    """Keep `value` under `key` unless there is one already; return what is kept."""
    db.execute("INSERT INTO meta VALUES (?, ?) ON CONFLICT DO NOTHING", [key, value])
    return get(db, key) or value


def put(db: Database, key: str, value: str) -> None:
    """Keep `value` under `key`, in place of what was there."""
    db.execute("INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = ?2", [key, value])


def is_real(db: Database) -> bool:
    """Whether the database was made on the real clock."""
    return get(db, "since") is not None and get(db, REHEARSAL) is None


def content_version(db: Database) -> int:
    """Grows with every change of the library or the ledger, and with nothing else."""
    return int(get(db, "content_version") or 0)


def data_version(db: Database) -> int:
    """Changes when another connection has written anything: cheap enough for every request."""
    row = db.execute("PRAGMA data_version").fetchone()
    return int(row[0])


def last_change(db: Database) -> datetime | None:
    """The newest edition, withdrawal, correction or addition; None in an empty database."""
    row = db.execute(
        "SELECT max(at) FROM (SELECT max(made) AS at FROM editions"
        " UNION ALL SELECT max(withdrawn) FROM editions"
        " UNION ALL SELECT max(changed) FROM principles"
        " UNION ALL SELECT max(changed) FROM sources"
        " UNION ALL SELECT max(changed) FROM themes)"
    ).fetchone()
    return datetime.fromisoformat(row[0]) if row[0] else None
