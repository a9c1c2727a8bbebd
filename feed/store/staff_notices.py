"""The outbox of e-mails to staff, and the one-time links in them (table `desk_notices`)."""

from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from feed.store.timestamps import instant, stamp


@dataclass(frozen=True, slots=True)
class StaffNotice:
    """An e-mail to a person at the desk; `curator` is None for the link of the first person."""

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
    """Queue a notice; its id. With `mailed` false only its link is made, and no e-mail sent."""
    values = [curator, kind, stamp(now), expires and stamp(expires)]
    cursor = db.execute(
        "INSERT INTO desk_notices (curator, kind, asked, expires, state, next)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [*values, "due" if mailed else "sent", stamp(now)],
    )
    assert cursor.lastrowid is not None  # noqa: S101 – an INSERT has one
    return cursor.lastrowid


def by_id(db: Database, number: int) -> StaffNotice | None:
    """The notice with an id; None if there is none."""
    return next(iter(_read(db, "id = ?", [number])), None)


def due(db: Database, now: datetime, limit: int, after: int = 0) -> list[StaffNotice]:
    """The notices that are due, with an id above `after`, oldest first."""
    where = (
        "state = 'due' AND batch IS NULL AND next <= ? AND id > ? AND curator IS NOT NULL"
        " ORDER BY id LIMIT ?"
    )
    return _read(db, where, [stamp(now), after, limit])


def of_batch(db: Database, batch: str) -> list[StaffNotice]:
    """The notices of a batch."""
    return _read(db, "batch = ?", [batch])


def newest(db: Database, curator: int | None, kind: str) -> StaffNotice | None:
    """The newest notice of a kind to a person; None if there is none."""
    where = "curator IS ? AND kind = ? ORDER BY id DESC LIMIT 1"
    return next(iter(_read(db, where, [curator, kind])), None)


def count(db: Database, curator: int, kind: str, since: datetime) -> int:
    """The number of notices of a kind that were queued for a person since an instant."""
    row = db.execute(
        "SELECT count(*) FROM desk_notices WHERE curator = ? AND kind = ? AND asked > ?",
        [curator, kind, stamp(since)],
    ).fetchone()
    return int(row[0])


def use_link(db: Database, number: int, now: datetime) -> bool:
    """Use up a one-time link; False if it is used or expired."""
    cursor = db.execute(
        "UPDATE desk_notices SET used = :now WHERE id = :id AND used IS NULL AND expires > :now",
        {"now": stamp(now), "id": number},
    )
    return cursor.rowcount == 1


def void_links(db: Database, curator: int | None, now: datetime) -> None:
    """Make the unused links of a person void."""
    db.execute(
        "UPDATE desk_notices SET used = ? WHERE curator IS ? AND used IS NULL",
        [stamp(now), curator],
    )


def settle(db: Database, number: int, state: str, retry: datetime) -> None:
    """Record an attempt: sent, failed, or due again at `retry`; it leaves its batch."""
    db.execute(
        "UPDATE desk_notices SET state = ?, attempts = attempts + 1, next = ?, batch = NULL"
        " WHERE id = ?",
        [state, stamp(retry), number],
    )


def delete_old(db: Database, before: datetime) -> None:
    """Delete the notices that were queued before an instant."""
    db.execute("DELETE FROM desk_notices WHERE asked < ?", [stamp(before)])


def _read(db: Database, where: str, values: list[object]) -> list[StaffNotice]:
    rows = db.query(
        f"SELECT id, curator, kind, asked, expires, used, attempts FROM desk_notices WHERE {where}",
        values,
    )
    return [
        StaffNotice(
            **{
                **row,
                "asked": datetime.fromisoformat(row["asked"]),
                "expires": instant(row["expires"]),
                "used": instant(row["used"]),
            }
        )
        for row in rows
    ]
