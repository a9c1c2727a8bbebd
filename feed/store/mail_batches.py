"""Batches: the messages that mail workers have, until they report or the batch is released.

A batch has digest deliveries, which stay `claimed`, or notices, which stay `due`. Their rows have
its id in the column `batch` until they are recorded, or released to be sent again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from feed.store import notices, staff_notices
from feed.store.deliveries import CLAIM, PAUSED, Claim, as_claim
from feed.store.notices import Notice
from feed.store.staff_notices import StaffNotice
from feed.store.timestamps import instant, stamp


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """An open batch: when it was made (`at`), and the content version at that time.

    `back` is when it is released: set once no worker is known to have it.
    """

    id: str
    version: int
    at: datetime
    back: datetime | None


def add(
    db: Database,
    batch: str,
    version: int,
    items: Sequence[Claim | Notice | StaffNotice],
    now: datetime,
) -> None:
    """Add a batch of deliveries that are claimed and notices that are due."""
    db.execute(
        "INSERT INTO batches (id, version, at) VALUES (?, ?, ?)", [batch, version, stamp(now)]
    )
    db.conn.executemany(
        "UPDATE deliveries SET batch = ? WHERE letter = ? AND subscriber = ? AND state = 'claimed'",
        [(batch, one.digest_id, one.subscriber) for one in items if isinstance(one, Claim)],
    )
    for table, kind in (("notices", Notice), ("desk_notices", StaffNotice)):
        db.conn.executemany(
            f"UPDATE {table} SET batch = ? WHERE id = ? AND state = 'due'",
            [(batch, one.id) for one in items if isinstance(one, kind)],
        )


def all_open(db: Database) -> list[BatchRecord]:
    """The batches that have not ended, oldest first."""
    rows = db.execute("SELECT id, version, at, back FROM batches ORDER BY at, id")
    return [
        BatchRecord(batch, version, datetime.fromisoformat(at), instant(back))
        for batch, version, at, back in rows
    ]


def items(db: Database, batch: str) -> list[Claim | Notice | StaffNotice]:
    """The deliveries and notices of a batch, except to people who were erased meanwhile."""
    claims = [as_claim(row) for row in db.query(f"{CLAIM} WHERE d.batch = ?", [batch])]
    return [*claims, *notices.of_batch(db, batch), *staff_notices.of_batch(db, batch)]


def digest_count(db: Database) -> int:
    """The number of digest deliveries in open batches."""
    row = db.execute("SELECT count(*) FROM deliveries WHERE batch IS NOT NULL").fetchone()
    return int(row[0])


def outdated(db: Database) -> set[str]:
    """The batches with a subscriber who has left, paused, or changed address meanwhile."""
    rows = db.execute(
        "SELECT DISTINCT d.batch FROM deliveries d JOIN batches b ON b.id = d.batch"
        " LEFT JOIN subscribers s ON s.id = d.subscriber"
        f" WHERE s.status IS NOT 'active' OR {PAUSED.format(due='d.due')}"
        " OR EXISTS (SELECT 1 FROM consents c WHERE c.subscriber = s.id AND c.act = 'moved'"
        " AND c.at >= b.at)"
    )
    return {batch for (batch,) in rows}


def record_digest_sent(db: Database, digest_id: int, subscriber: int, now: datetime) -> bool:
    """Record a delivery as sent after its batch has ended; False if it is not open any more."""
    cursor = db.execute(
        "UPDATE deliveries SET state = 'sent', at = ?, attempts = attempts + 1, next = NULL,"
        " reason = NULL, batch = NULL WHERE letter = ? AND subscriber = ?"
        " AND state IN ('claimed', 'deferred')",
        [stamp(now), digest_id, subscriber],
    )
    return cursor.rowcount == 1


def record_notice_sent(db: Database, number: int, *, desk: bool) -> None:
    """Record a notice to a subscriber or to staff as sent after its batch has ended."""
    db.execute(
        f"UPDATE {'desk_notices' if desk else 'notices'} SET state = 'sent',"
        " attempts = attempts + 1, batch = NULL WHERE id = ? AND state = 'due'",
        [number],
    )


def release_at(db: Database, batch: str, back: datetime) -> None:
    """Set when to release a batch that no worker is known to have, unless that is set."""
    db.execute("UPDATE batches SET back = ? WHERE id = ? AND back IS NULL", [stamp(back), batch])


def release(db: Database, batch: str, retry: datetime, now: datetime) -> None:
    """End a batch; what is left of it is sent again from `retry` on."""
    db.execute(
        "UPDATE deliveries SET state = 'deferred', next = ?, at = ?, batch = NULL WHERE batch = ?",
        [stamp(retry), stamp(now), batch],
    )
    for table in ("notices", "desk_notices"):
        db.execute(
            f"UPDATE {table} SET next = ?, batch = NULL WHERE batch = ?", [stamp(retry), batch]
        )
    db.execute("DELETE FROM batches WHERE id = ?", [batch])
