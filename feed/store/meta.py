"""The key-value table `meta`: facts about the installation, and version counters."""

from datetime import datetime

from sqlite_utils import Database

REHEARSAL = "rehearsal"  # the key that marks databases of a rehearsed clock


def get(db: Database, key: str) -> str | None:
    """The value of a key; None if there is none."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", [key]).fetchone()
    return row[0] if row else None


def set_default(db: Database, key: str, value: str) -> str:
    """Store `value` unless the key has one already; returns the value that is stored."""
    db.execute("INSERT INTO meta VALUES (?, ?) ON CONFLICT DO NOTHING", [key, value])
    return get(db, key) or value


def put(db: Database, key: str, value: str) -> None:
    """Store `value`, replacing an earlier one."""
    db.execute("INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = ?2", [key, value])


def delete(db: Database, key: str) -> None:
    """Delete a key, if it is there."""
    db.execute("DELETE FROM meta WHERE key = ?", [key])


def is_real(db: Database) -> bool:
    """Whether the database was created on the real clock, not in a rehearsal."""
    return get(db, "since") is not None and get(db, REHEARSAL) is None


def content_version(db: Database) -> int:
    """Counter of changes to the library and the ledger, incremented by triggers."""
    return int(get(db, "content_version") or 0)


def data_version(db: Database) -> int:
    """SQLite's data_version: changes when another connection commits. Costs microseconds."""
    row = db.execute("PRAGMA data_version").fetchone()
    return int(row[0])


def last_change(db: Database) -> datetime | None:
    """Time of the newest edition, withdrawal or library change; None in an empty database."""
    row = db.execute(
        "SELECT max(at) FROM (SELECT max(made) AS at FROM editions"
        " UNION ALL SELECT max(withdrawn) FROM editions"
        " UNION ALL SELECT max(changed) FROM principles"
        " UNION ALL SELECT max(changed) FROM sources"
        " UNION ALL SELECT max(changed) FROM themes)"
    ).fetchone()
    return datetime.fromisoformat(row[0]) if row[0] else None
