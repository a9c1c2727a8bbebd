"""Mail to people at the desk, waiting to be sent, and the one-time links in it."""

from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from feed.store.timestamps import instant, stamp


@dataclass(frozen=True, slots=True)
class DeskNotice:
    """A message to somebody at the desk. `curator` is None for the link of the first person."""

    id: int
    curator: int | None
    kind: str
    asked: datetime
    expires: datetime | None
    used: datetime | None
    attempts: int


def add(
    db: Database,
    curator: int | None,
    kind: str,
    now: datetime,
    expires: datetime | None = None,
    *,
    mailed: bool = True,
) -> int:
    """Add a message, and return its number; with `mailed` false it is told in another way."""
    values = [curator, kind, stamp(now), expires and stamp(expires)]
    cursor = db.execute(
        "INSERT INTO desk_notices (curator, kind, asked, expires, state, next)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [*values, "due" if mailed else "sent", stamp(now)],
    )
    assert cursor.lastrowid is not None  # noqa: S101 – an INSERT has one
    return cursor.lastrowid


def by_id(db: Database, number: int) -> DeskNotice | None:
    """A message by its number."""
    return next(iter(_read(db, "id = ?", [number])), None)


def due(db: Database, now: datetime, limit: int, after: int = 0) -> list[DeskNotice]:
    """What is to be sent now, oldest first, with numbers after `after`."""
    where = (
        "state = 'due' AND batch IS NULL AND next <= ? AND id > ? AND curator IS NOT NULL"
        " ORDER BY id LIMIT ?"
    )
    return _read(db, where, [stamp(now), after, limit])


def of_batch(db: Database, batch: str) -> list[DeskNotice]:
    """What was handed over as that batch."""
    return _read(db, "batch = ?", [batch])


def newest(db: Database, curator: int | None, kind: str) -> DeskNotice | None:
    """The newest message of a kind to somebody."""
    where = "curator IS ? AND kind = ? ORDER BY id DESC LIMIT 1"
    return next(iter(_read(db, where, [curator, kind])), None)


def count(db: Database, curator: int, kind: str, since: datetime) -> int:
    """How many messages of a kind somebody was sent, or will be, since that instant."""
    row = db.execute(
        "SELECT count(*) FROM desk_notices WHERE curator = ? AND kind = ? AND asked > ?",
        [curator, kind, stamp(since)],
    ).fetchone()
    return int(row[0])


def use(db: Database, number: int, now: datetime) -> bool:
    """Use up a link; False where it was already, or has run out."""
    done = db.execute(
        "UPDATE desk_notices SET used = :now WHERE id = :id AND used IS NULL AND expires > :now",
        {"now": stamp(now), "id": number},
    )
    return done.rowcount == 1


def void(db: Database, curator: int | None, now: datetime) -> None:
    """Make the open links of somebody useless."""
    db.execute(
        "UPDATE desk_notices SET used = ? WHERE curator IS ? AND used IS NULL",
        [stamp(now), curator],
    )


def record(db: Database, number: int, state: str, retry: datetime) -> None:
    """Keep what became of an attempt: sent, failed, or due again at `retry`."""
    db.execute(
        "UPDATE desk_notices SET state = ?, attempts = attempts + 1, next = ?, batch = NULL"
        " WHERE id = ?",
        [state, stamp(retry), number],
    )


def forget(db: Database, before: datetime) -> None:
    """Forget the messages that were asked for before that instant."""
    db.execute("DELETE FROM desk_notices WHERE asked < ?", [stamp(before)])


def _read(db: Database, where: str, values: list[object]) -> list[DeskNotice]:
    rows = db.query(
        f"SELECT id, curator, kind, asked, expires, used, attempts FROM desk_notices WHERE {where}",
        values,
    )
    return [
        DeskNotice(
            **{
                **row,
                "asked": datetime.fromisoformat(row["asked"]),
                "expires": instant(row["expires"]),
                "used": instant(row["used"]),
            }
        )
        for row in rows
    ]
